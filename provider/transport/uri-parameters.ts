import { nearest } from "../core/nearest";
import type { TransportName } from "./uri";

/** The parameters of a libvirt URI that have a meaning here, by libvirt's names; `ssh` is ours. */
export interface Parameters {
  /** URI to hand to the daemon instead of the one derived from this URI. */
  readonly name?: string | undefined;
  /** Path of the daemon's unix socket. Default: virtqemud-sock, then libvirt-sock. */
  readonly socket?: string | undefined;
  /** `direct`: only the modular daemon's socket; `legacy`: only libvirtd's; `auto`: both in that order (default). */
  readonly mode?: "auto" | "direct" | "legacy" | undefined;
  /** Private key file. */
  readonly keyfile?: string | undefined;
  readonly known_hosts?: string | undefined;
  /** `normal`: strict (default); `auto`: an unknown key is accepted and written down, a changed one never. */
  readonly known_hosts_verify?: "normal" | "auto" | undefined;
  /** How to get from the ssh server to the daemon. `native` is libvirt's name for `helper`. Default auto. */
  readonly proxy?: "auto" | "helper" | "native" | "streamlocal" | "netcat" | undefined;
  /** Name of netcat on the host. Default nc. */
  readonly netcat?: string | undefined;
  /** Comma list of agent, privkey; the order has no effect, configured keys always go first. Default both. */
  readonly sshauth?: readonly ("agent" | "privkey")[] | undefined;
  /** Which client speaks ssh: ours, or the system's ssh as a child process. Default: ours where it can. */
  readonly ssh?: "ssh2" | "openssh" | undefined;
  /** The ssh binary; implies ssh=openssh. */
  readonly command?: string | undefined;
  /** Folder of cacert.pem, clientcert.pem, clientkey.pem. */
  readonly pkipath?: string | undefined;
}

interface Rule {
  readonly transports: readonly TransportName[];
  readonly values?: readonly string[];
  readonly list?: boolean;
  readonly absolute?: boolean;
}

const ALL: readonly TransportName[] = ["unix", "ssh", "tls", "tcp"];
const RULES: Readonly<Record<keyof Parameters, Rule>> = {
  name: { transports: ALL },
  socket: { transports: ["unix", "ssh"], absolute: true },
  mode: { transports: ["unix", "ssh"], values: ["auto", "direct", "legacy"] },
  keyfile: { transports: ["ssh"] },
  known_hosts: { transports: ["ssh"] },
  known_hosts_verify: { transports: ["ssh"], values: ["normal", "auto"] },
  proxy: { transports: ["ssh"], values: ["auto", "helper", "native", "streamlocal", "netcat"] },
  netcat: { transports: ["ssh"] },
  sshauth: { transports: ["ssh"], values: ["agent", "privkey"], list: true },
  ssh: { transports: ["ssh"], values: ["ssh2", "openssh"] },
  command: { transports: ["ssh"] },
  pkipath: { transports: ["tls"], absolute: true },
};

/** Known to libvirt, refused here, each with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  no_verify: "checking the server cannot be switched off; pin its key with hostKey, or use the right CA",
  no_sanity: "leave it out: there is nothing to switch off",
  no_tty: "leave it out: nothing ever asks on a terminal here",
  tls_priority: "leave it out: Node's TLS defaults are used",
  auth: "only daemons without SASL can be used; leave it out",
};

export const PARAMETERS: readonly string[] = Object.keys(RULES);

/** Parses the query of a libvirt URI; adds to `faults` what is unknown, doubled, misplaced or malformed. */
export function checkParameters(query: string, transport: TransportName, faults: string[]): Parameters {
  const params: Record<string, string | readonly string[]> = {};
  for (const pair of query.split(/[&;]/).filter((text) => text !== "")) {
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const fault = equals < 0 ? `parameter "${pair}" has no value` : faultOf(name, transport);
    const value = decodeValue(pair.slice(equals + 1));
    if (fault !== undefined) faults.push(fault);
    else if (value === undefined || value === "") faults.push(`parameter ${name} has no usable value`);
    else if (Object.hasOwn(params, name)) faults.push(`parameter ${name} is given twice`);
    else params[name] = checkValue(name, value, faults);
  }
  return params as Parameters;
}

function faultOf(name: string, transport: TransportName): string | undefined {
  if (Object.hasOwn(REFUSED, name)) return `parameter ${name} is not supported: ${REFUSED[name]}`;
  if (!isParameter(name)) {
    const guess = nearest(name, PARAMETERS);
    return `parameter "${name}" is not known${guess === undefined ? "" : `; did you mean ${guess}?`}`;
  }
  const rule = RULES[name];
  if (rule.transports.includes(transport)) return undefined;
  return `parameter ${name} belongs to the transport ${rule.transports.join(" or ")}, not ${transport}`;
}

function checkValue(name: string, value: string, faults: string[]): string | readonly string[] {
  const rule = isParameter(name) ? RULES[name] : undefined;
  const values = rule?.list ? value.split(",") : [value];
  for (const each of values) {
    if (rule?.values !== undefined && !rule.values.includes(each)) {
      faults.push(`${name}=${each} is not one of ${rule.values.join(", ")}`);
    }
  }
  if (rule?.absolute && !value.startsWith("/")) faults.push(`${name}=${value} is not an absolute path`);
  if (value.includes("\0")) faults.push(`${name} contains a NUL character`);
  return rule?.list ? values : value;
}

function isParameter(name: string): name is keyof Parameters {
  return Object.hasOwn(RULES, name);
}

function decodeValue(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
