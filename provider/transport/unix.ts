import type { Duplex } from "node:stream";
import { daemonSockets, isSession } from "./daemon-sockets";
import type { Dialer } from "./dialer";
import { errnoOf, reasonOf, TransportError } from "./errors";
import { netConnect } from "./net-connect";
import { DEFAULT_TIMEOUT, type TransportOptions } from "./options";
import type { LibvirtUri } from "./uri";

/** Dials the daemon of this machine through its unix socket. */
export class UnixDialer implements Dialer {
  readonly description: string;
  readonly #sockets: readonly string[];

  constructor(
    private readonly uri: LibvirtUri,
    private readonly options: TransportOptions,
  ) {
    this.#sockets = daemonSockets(uri, runtimeFolder(uri));
    this.description = `unix socket ${this.#sockets.join(" or ")}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const failures: unknown[] = [];
    const timeout = this.options.timeout ?? DEFAULT_TIMEOUT;
    for (const path of this.#sockets) {
      try {
        return await netConnect({ path }, { host: path, step: "connect to the libvirt daemon", timeout, signal });
      } catch (error) {
        if (signal?.aborted) throw error;
        failures.push(error);
      }
    }
    throw this.#refusal(failures);
  }

  async close(): Promise<void> {
    // Each stream belongs to whoever dialled it; nothing is shared.
  }

  #refusal(failures: readonly unknown[]): TransportError {
    const causes = failures.map((error) => (error instanceof TransportError ? error.cause : error));
    const denied = causes.some((cause) => errnoOf(cause) === "EACCES");
    const start = isSession(this.uri)
      ? "start the session daemon (virtqemud --daemon or libvirtd --daemon)"
      : "install and start it (systemctl start virtqemud.socket or libvirtd.socket)";
    return new TransportError("refused", {
      step: "connect to the libvirt daemon",
      host: "this machine",
      reason: failures.map((error, index) => `${this.#sockets[index]}: ${reasonOf(error)}`).join("; "),
      remedy: denied
        ? "add your user to the group libvirt and log in again."
        : `${start}, or name its socket with ?socket=.`,
      cause: causes[0],
    });
  }
}

/** Where libvirt of this machine keeps its sockets; as libvirt itself decides (virGetUserRuntimeDirectory). */
function runtimeFolder(uri: LibvirtUri): string {
  if (!isSession(uri)) return "/run/libvirt";
  const runtime = process.env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && runtime !== "") return `${runtime}/libvirt`;
  return `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"] ?? ""}/.cache`}/libvirt`;
}
