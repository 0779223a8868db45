import { homedir, hostname, userInfo } from "node:os";

/** What ssh_config says about one host, with every token expanded. */
export interface SshSettings {
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** Configured files in order, or OpenSSH's default names. */
  readonly identityFiles: readonly string[];
  /** False when `identityFiles` are only the default names, which need not exist. */
  readonly identityConfigured: boolean;
  readonly identitiesOnly: boolean;
  /** Configured files, beside those that lie next to the identity files. */
  readonly certificateFiles: readonly string[];
  /** Socket of the agent; undefined when there is none or it is switched off. */
  readonly agent?: string | undefined;
  /** Hops as written: "user@a:22,b". */
  readonly proxyJump?: string | undefined;
  readonly proxyCommand?: string | undefined;
  readonly userKnownHosts: readonly string[];
  readonly globalKnownHosts: readonly string[];
  /** StrictHostKeyChecking accept-new, no or off. A changed key is refused all the same. */
  readonly acceptNew: boolean;
  readonly hostKeyAlias?: string | undefined;
}

export interface SshNames {
  readonly alias: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

const DEFAULT_IDENTITIES = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"];

/** Makes settings of keyword -> values, as `ssh -G` prints them or as the files have them. */
export function settingsFrom(found: ReadonlyMap<string, readonly string[]>, names: SshNames): SshSettings {
  const first = (keyword: string) => found.get(keyword)?.[0];
  const unlessNone = (keyword: string) => (first(keyword)?.toLowerCase() === "none" ? undefined : first(keyword));
  const hostName = (first("hostname") ?? names.alias).replaceAll("%h", names.alias).replaceAll("%%", "%");
  const port = names.port ?? Number(first("port") ?? 22);
  const user = names.user ?? first("user") ?? userInfo().username;
  const expand = (text: string) => expandTokens(text, { ...names, hostName, port, user });
  const files = (keyword: string, otherwise: readonly string[]) =>
    (found.get(keyword) ?? otherwise)
      .flatMap(splitWords)
      .filter((file) => file.toLowerCase() !== "none")
      .map(expand);
  const defaults = DEFAULT_IDENTITIES.map((name) => `~/.ssh/${name}`);
  const identities = found.get("identityfile") ?? defaults;
  const agent = unlessNone("identityagent");
  const strict = first("stricthostkeychecking")?.toLowerCase() ?? "ask";
  return {
    hostName,
    port,
    user,
    // One file for each line, so blanks belong to its name.
    identityFiles: identities
      .filter((file) => file.toLowerCase() !== "none")
      .map(unquote)
      .map(expand),
    identityConfigured: identities.some((file) => !defaults.includes(file)),
    identitiesOnly: first("identitiesonly")?.toLowerCase() === "yes",
    certificateFiles: files("certificatefile", []),
    agent: first("identityagent") === undefined ? process.env["SSH_AUTH_SOCK"] : agent && agentSocket(expand(agent)),
    proxyJump: unlessNone("proxyjump"),
    proxyCommand: unlessNone("proxycommand"),
    userKnownHosts: files("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]),
    globalKnownHosts: files("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]),
    acceptNew: ["accept-new", "no", "off", "false"].includes(strict),
    hostKeyAlias: first("hostkeyalias"),
  };
}

function agentSocket(value: string): string | undefined {
  if (value === "SSH_AUTH_SOCK") return process.env["SSH_AUTH_SOCK"];
  return value.startsWith("$") ? process.env[value.slice(1)] : value;
}

type Tokens = SshNames & { readonly hostName: string; readonly port: number; readonly user: string };

/** Expands ~, ${VARIABLE} and the tokens of ssh_config(5) that have a meaning for file names. */
function expandTokens(text: string, { alias, hostName, port, user }: Tokens): string {
  const tokens: Readonly<Record<string, string>> = {
    "%": "%",
    d: homedir(),
    h: hostName,
    i: String(userInfo().uid),
    k: hostName,
    L: hostname().split(".")[0] ?? "",
    l: hostname(),
    n: alias,
    p: String(port),
    r: user,
    u: userInfo().username,
  };
  return text
    .replace(/^~(?=\/|$)/, homedir())
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => process.env[name] ?? whole)
    .replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}

function splitWords(text: string): string[] {
  return (text.match(/"[^"]*"|\S+/g) ?? []).map(unquote);
}

function unquote(word: string): string {
  return word.replace(/^"(.*)"$/, "$1");
}
