import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import type { Dialer } from "./dialer";
import { TransportError } from "./errors";
import { OpenSshDialer } from "./openssh";
import type { TransportOptions } from "./options";
import { planRoute, type SshRoute } from "./ssh-route";
import { TcpDialer } from "./tcp";
import { TlsDialer } from "./tls";
import { UnixDialer } from "./unix";
import { type LibvirtUri, parseUri } from "./uri";

export type { TransportOptions } from "./options";

/** Our ssh, with ssh2. */
const ours = (): typeof import("./ssh-dialer") => require("./ssh-dialer");

/** A dialer that also knows what to ask the daemon for. */
export interface HostDialer extends Dialer {
  /** The name for CONNECT_OPEN: `qemu:///system`. */
  readonly driverUri: string;
}

/** Chooses the transport of a libvirt URI. Opens nothing; throws TransportError (`invalid`) when the URI is wrong. */
export function openDialer(options: TransportOptions): HostDialer {
  const uri = parseUri(options.uri);
  switch (uri.transport) {
    case "unix":
      return new LazyDialer(uri, options, async () => new UnixDialer(uri, options));
    case "tcp":
      return new LazyDialer(uri, options, async () => new TcpDialer(uri, options));
    case "tls":
      return new LazyDialer(uri, options, async () => new TlsDialer(uri, options));
    case "ssh":
      return new LazyDialer(uri, options, () => chooseSsh(uri, options));
  }
}

/** The system's ssh where it was asked for or is the only one that can; ours everywhere else. */
async function chooseSsh(uri: LibvirtUri, options: TransportOptions): Promise<Dialer> {
  if (uri.params.ssh === "openssh" || uri.params.command !== undefined) return new OpenSshDialer(uri, options);
  const planning = planRoute(uri, options);
  // Loaded while the ssh binary tells its configuration.
  const { SshDialer } = ours();
  const route = await planning;
  return uri.params.ssh === undefined && needsSystem(route, options)
    ? new OpenSshDialer(uri, options)
    : new SshDialer(uri, route, options);
}

function needsSystem({ hops, proxyCommand }: SshRoute, { hostKey, passphrase }: TransportOptions): boolean {
  const onlySecurityKeys = hops.some(({ keys }) => keys.securityKey && keys.identities.length === 0);
  if (proxyCommand !== undefined || onlySecurityKeys) return true;
  // The system's ssh checks no bare fingerprint and takes no passphrase: who gives them means ours.
  if (hostKey?.startsWith("SHA256:") || passphrase !== undefined) return false;
  return hops.some(({ keys, byAuthorityAlone }) => keys.certificate !== undefined || byAuthorityAlone);
}

/** Reads configuration and keys at the first dial, and again after a failure, since the user may have mended them. */
class LazyDialer implements HostDialer {
  readonly driverUri: string;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #dialer: Promise<Dialer> | undefined;
  #description: string;

  constructor(
    uri: LibvirtUri,
    options: TransportOptions,
    private readonly create: () => Promise<Dialer>,
  ) {
    this.driverUri = uri.driverUri;
    this.#description = uri.text;
    this.#signal =
      options.signal === undefined ? this.#closed.signal : AbortSignal.any([options.signal, this.#closed.signal]);
    // Each waiting dial listens; there may be many.
    setMaxListeners(0, this.#signal);
    options.signal?.addEventListener("abort", () => this.#end(options.signal?.reason), { once: true });
  }

  get description(): string {
    return this.#description;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    this.#signal.throwIfAborted();
    const either = signal === undefined ? this.#signal : AbortSignal.any([signal, this.#signal]);
    this.#dialer ??= this.create();
    const creating = this.#dialer;
    try {
      const dialer = await creating.catch((error: unknown) => {
        if (this.#dialer === creating) this.#dialer = undefined;
        throw error;
      });
      this.#description = dialer.description;
      return await dialer.dial(either);
    } catch (error) {
      if (error instanceof TransportError && error.code === "auth" && this.#dialer === creating)
        this.#discard(creating);
      throw error;
    }
  }

  async close(): Promise<void> {
    const reason = "the dialer was closed";
    await this.#end(new TransportError("unreachable", { step: "dial", host: this.#description, reason }));
  }

  async #end(reason: unknown): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(reason);
    if (this.#dialer !== undefined) await this.#discard(this.#dialer);
  }

  async #discard(dialer: Promise<Dialer>): Promise<void> {
    this.#dialer = undefined;
    const [settled] = await Promise.allSettled([dialer]);
    if (settled.status === "fulfilled") await settled.value.close();
  }
}
