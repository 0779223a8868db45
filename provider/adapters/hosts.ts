import { anotherMachine, KvmError, messageOf } from "../core/errors";
import type { HostReference } from "../core/handler";
import type { Libvirt } from "../libvirt/api";
import type { Connection } from "../libvirt/connection";
import { ConnectionLost, LibvirtError } from "../libvirt/errors";
import { explain } from "../resources/failure";
import { TransportError } from "../transport/errors";
import type { TransportOptions } from "../transport/options";
import { unlessAborted } from "../transport/unless-aborted";

type Open = (options: TransportOptions) => Promise<Connection>;

/** The client and its transports are loaded by the first connection: previews do without them and are quicker so. */
const openByClient: Open = (options) => (require("./client") as typeof import("./client")).openConnection(options);

/** Every connection of this process: one per host and way to reach it, shared by all resources and calls. */
export class Hosts {
  private readonly connections = new Map<string, Promise<Connection>>();
  private privateKey: string | undefined;
  private passphrase: string | undefined;

  constructor(private readonly openConnection: Open = openByClient) {}

  /** Takes keys from the stack's secret config. Synchronous: the engine may call an operation before it has awaited this. */
  configure(config: { get(key: string): unknown }): void {
    this.privateKey = stringOrUndefined(config.get("kvm:sshPrivateKey"));
    this.passphrase = stringOrUndefined(config.get("kvm:sshPassphrase"));
  }

  async connect(host: HostReference, signal?: AbortSignal): Promise<Libvirt> {
    // The dial itself goes on: others may wait for the same connection.
    const connection = await unlessAborted(this.shared(host), signal).catch((error: unknown) => {
      const where = { step: "connect to the host", host: host.uri, reason: messageOf(error) };
      if (signal?.aborted && error === signal.reason) throw new KvmError("cancelled", where);
      const again = "run pulumi again when the host can be reached";
      if (error instanceof TransportError && error.remedy === undefined) {
        const { code, step, host: server, reason } = error;
        throw new TransportError(code, { step, host: server, reason, remedy: again, cause: error });
      }
      if (error instanceof LibvirtError) {
        throw explain({ step: where.step, host: where.host, remedy: welcomeRemedy }, error);
      }
      if (!(error instanceof ConnectionLost)) throw error;
      const remedy = error.remedy === undefined ? again : `${error.remedy}; then run pulumi again`;
      throw new KvmError("connection-lost", { ...where, remedy, cause: error });
    });
    if (host.uuid === undefined || host.uuid === connection.hostUuid) return connection;
    throw anotherMachine("use the host", host.uri, connection.hostUuid, host.uuid);
  }

  async close(): Promise<void> {
    const open = [...this.connections.values()];
    this.connections.clear();
    await Promise.allSettled(open.map(async (connection) => (await connection).close()));
  }

  /** The uuid takes no part in the key: Host itself does not know it yet when it connects. */
  private shared(host: HostReference): Promise<Connection> {
    const key = JSON.stringify([host.uri, host.hostKey, host.identityFile, host.identityEnv]);
    const existing = this.connections.get(key);
    if (existing) return existing;
    const opening = this.open(host);
    this.connections.set(key, opening);
    const began = performance.now();
    // A host that could not be reached is tried anew, but not at once by each of its resources: where it does not answer
    // they would wait for minutes, one after another.
    opening.catch(() => {
      const forget = () => {
        if (this.connections.get(key) === opening) this.connections.delete(key);
      };
      setTimeout(forget, performance.now() - began).unref();
    });
    return opening;
  }

  private async open(host: HostReference): Promise<Connection> {
    const options: TransportOptions = {
      uri: host.uri,
      ...(host.hostKey !== undefined && { hostKey: host.hostKey }),
      ...(host.identityFile !== undefined && { identityFile: host.identityFile }),
      ...(host.identityEnv !== undefined && { identityEnv: host.identityEnv }),
      ...(this.privateKey !== undefined && { privateKey: this.privateKey }),
      ...(this.passphrase !== undefined && { passphrase: this.passphrase }),
    };
    return this.openConnection(options);
  }
}

/** What to do where the daemon is reached and lets nobody in, by what it said. */
function welcomeRemedy(said: string): string | undefined {
  return /authentication (unavailable|failed|cancelled)|access denied/i.test(said)
    ? "log in as a user that may use libvirt there: root, or a member of the group libvirt (usermod -aG libvirt USER)"
    : undefined;
}

function stringOrUndefined(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
