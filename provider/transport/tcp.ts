import type { Duplex } from "node:stream";
import type { Dialer } from "./dialer";
import { netConnect } from "./net-connect";
import { DEFAULT_TIMEOUT, type TransportOptions } from "./options";
import type { LibvirtUri } from "./uri";

const TCP_PORT = 16509;

/** Dials a daemon that listens on plain TCP: neither encrypted nor, without SASL, authenticated. */
export class TcpDialer implements Dialer {
  readonly description: string;
  readonly #target: { readonly host: string; readonly port: number };

  constructor(
    uri: LibvirtUri,
    private readonly options: TransportOptions,
  ) {
    this.#target = { host: uri.host ?? "", port: uri.port ?? TCP_PORT };
    this.description = `tcp ${this.#target.host}:${this.#target.port}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const timeout = this.options.timeout ?? DEFAULT_TIMEOUT;
    const step = "connect to the libvirt daemon";
    return await netConnect({ ...this.#target, keepAlive: true }, { host: this.description, step, timeout, signal });
  }

  async close(): Promise<void> {
    // Each stream belongs to whoever dialled it; nothing is shared.
  }
}
