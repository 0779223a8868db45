import { homedir } from "node:os";
import type { LibvirtUri } from "./uri";

/** How to reach one host. Credentials are used, never stored or logged. */
export interface TransportOptions {
  /** A libvirt URI: `driver[+transport]://[user@][host][:port]/path[?parameters]`. */
  readonly uri: string;
  /** The only host key to accept: "ssh-ed25519 AAAA..." or "SHA256:...". Default: known_hosts decides. */
  readonly hostKey?: string | undefined;
  /** Private key file; wins over `?keyfile=` and ssh_config. */
  readonly identityFile?: string | undefined;
  /** Name of an environment variable that holds a private key (text, not a path). */
  readonly identityEnv?: string | undefined;
  /** Private key as text. */
  readonly privateKey?: string | undefined;
  /** For encrypted private keys. */
  readonly passphrase?: string | undefined;
  /** known_hosts file to use instead of the user's and the system's; wins over `?known_hosts=`. */
  readonly knownHosts?: string | undefined;
  /** ssh_config file to use instead of ~/.ssh/config and /etc/ssh/ssh_config. "none" reads none. */
  readonly sshConfig?: string | undefined;
  /** Seconds for each of: reaching a server, logging in, opening a channel. Default 20. */
  readonly timeout?: number | undefined;
  /** Ends every dial and the connection when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Default of `TransportOptions.timeout`, in seconds. */
export const DEFAULT_TIMEOUT = 20;

/** The files for ssh that options or URI name, options first, with ~ expanded. */
export function namedFiles(uri: LibvirtUri, options: TransportOptions): { identity?: string; knownHosts?: string } {
  const identity = options.identityFile ?? uri.params.keyfile;
  const knownHosts = options.knownHosts ?? uri.params.known_hosts;
  return {
    ...(identity !== undefined && { identity: expandHome(identity) }),
    ...(knownHosts !== undefined && { knownHosts: expandHome(knownHosts) }),
  };
}

function expandHome(path: string): string {
  return path.replace(/^~(?=\/)/, homedir());
}
