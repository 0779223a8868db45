import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect, type SecureContextOptions, type TLSSocket } from "node:tls";
import type { Dialer } from "./dialer";
import { errnoOf, reasonOf, TransportError } from "./errors";
import { type ConnectContext, netConnect, settled } from "./net-connect";
import { DEFAULT_TIMEOUT, type TransportOptions } from "./options";
import type { LibvirtUri } from "./uri";

const TLS_PORT = 16514;
/** The daemon sends this byte when it accepts our certificate (virNetServerClient), before any message. */
const ACCEPTED = 1;

/** Dials a daemon that listens with TLS; both sides show certificates. */
export class TlsDialer implements Dialer {
  readonly description: string;
  readonly #target: { readonly host: string; readonly port: number };

  constructor(
    private readonly uri: LibvirtUri,
    private readonly options: TransportOptions,
  ) {
    this.#target = { host: uri.host ?? "", port: uri.port ?? TLS_PORT };
    this.description = `tls ${this.#target.host}:${this.#target.port}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const timeout = this.options.timeout ?? DEFAULT_TIMEOUT;
    const context = { host: this.description, timeout, signal };
    const identity = await this.#identity();
    const plain = await netConnect(this.#target, { ...context, step: "connect to the libvirt daemon" });
    const { host } = this.#target;
    const names = isIP(host) === 0 ? { servername: host } : { host };
    const socket = connect({ ...identity, ...names, socket: plain, minVersion: "TLSv1.2" });
    try {
      await untilTls(socket, "secureConnect", { ...context, step: "set up TLS" });
      await acceptance(socket, { ...context, step: "have the certificate accepted" });
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async close(): Promise<void> {
    // Each stream belongs to whoever dialled it; nothing is shared.
  }

  async #identity(): Promise<SecureContextOptions> {
    const { pkipath } = this.uri.params;
    const user = join(homedir(), ".pki", "libvirt");
    const tried: string[] = [];
    const pick = async (name: string, system: string): Promise<Buffer> => {
      const paths = pkipath === undefined ? [join(user, name), system] : [join(pkipath, name)];
      for (const path of paths) {
        try {
          return await readFile(path);
        } catch (error) {
          tried.push(`${path}: ${reasonOf(error)}`);
        }
      }
      throw new TransportError("invalid", {
        step: `read ${name}`,
        host: this.description,
        reason: tried.join("; "),
        remedy: "put the CA, client certificate and key there, or name their folder with ?pkipath=.",
      });
    };
    return {
      ca: await pick("cacert.pem", "/etc/pki/CA/cacert.pem"),
      cert: await pick("clientcert.pem", "/etc/pki/libvirt/clientcert.pem"),
      key: await pick("clientkey.pem", "/etc/pki/libvirt/private/clientkey.pem"),
    };
  }
}

async function acceptance(socket: TLSSocket, context: ConnectContext): Promise<void> {
  // With TLS 1.3 a refused client certificate shows only now, as an alert instead of the byte.
  await untilTls(socket, "readable", context);
  const first: Buffer | null = socket.read(1);
  if (first?.[0] === ACCEPTED) return;
  throw new TransportError("auth", {
    step: context.step,
    host: context.host,
    reason: first === null ? "the daemon closed the connection" : "the daemon refused the client certificate",
    remedy:
      "check that the client certificate is signed by the daemon's CA, has not run out, and is listed in tls_allowed_dn_list.",
  });
}

async function untilTls(socket: TLSSocket, event: string, context: ConnectContext): Promise<void> {
  try {
    await settled(socket, event, context);
  } catch (error) {
    if (!(error instanceof TransportError) || error.code === "timeout") throw error;
    throw tlsError(error.cause ?? error, context);
  }
}

function tlsError(cause: unknown, { step, host }: ConnectContext): TransportError {
  const code = errnoOf(cause) ?? "";
  const aboutServer = /CERT|ALTNAME|SELF_SIGNED|UNABLE_TO/.test(code) && !/^ERR_SSL/.test(code);
  if (aboutServer) {
    return new TransportError("host-key", {
      step,
      host,
      reason: `the daemon's certificate is not valid for it: ${reasonOf(cause)}`,
      remedy: /EXPIRED|NOT_YET_VALID/.test(code)
        ? "renew it, or its CA (openssl x509 -noout -dates -in FILE); or set the clock of this machine right."
        : "use the host name that the certificate is for, and the cacert.pem that signed it.",
      cause,
    });
  }
  const aboutUs = /ALERT/.test(code);
  return new TransportError(aboutUs ? "auth" : "protocol", {
    step,
    host,
    reason: reasonOf(cause),
    remedy: aboutUs
      ? "check the client certificate: its CA and its dates."
      : "check that the port is the daemon's TLS port (16514).",
    cause,
  });
}
