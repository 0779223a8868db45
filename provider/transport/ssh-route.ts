import { TransportError } from "./errors";
import { HostKeyCheck, type HostKeyRules } from "./host-key";
import { namedFiles, type TransportOptions } from "./options";
import { resolveSshConfig } from "./ssh-config";
import type { KeyRing } from "./ssh-keys";
import type { SshSettings } from "./ssh-settings";
import type { LibvirtUri } from "./uri";

/** Reads keys with ssh2, which takes long to load: the ssh binary is asked first. */
const ringOf = (): typeof import("./ssh-keys") => require("./ssh-keys");

/** One server on the way, with all that its login needs. */
export interface SshHop {
  /** "root@rack1:2201", for messages. */
  readonly description: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keys: KeyRing;
  readonly hostKeyRules: HostKeyRules;
  /** True where only a certificate can make this server known. */
  readonly byAuthorityAlone: boolean;
}

/** The way to the host: jump hosts in order, the host itself last. */
export interface SshRoute {
  readonly hops: readonly SshHop[];
  /** A command that stands in for the network connection; only the system's ssh runs it. */
  readonly proxyCommand?: string | undefined;
}

const LONGEST_ROUTE = 8;

/** Works out the way from the URI, the options and ssh_config. Reads files and asks the agent; opens no connection. */
export async function planRoute(uri: LibvirtUri, options: TransportOptions): Promise<SshRoute> {
  const target = await settingsOf({ alias: uri.host ?? "", user: uri.user, port: uri.port }, options);
  const jumps = await jumpsTo(target, options, LONGEST_ROUTE);
  const hops: SshHop[] = [];
  for (const jump of jumps) hops.push(await hop(jump, uri, options, undefined));
  hops.push(await hop(target, uri, options, options.hostKey));
  const proxied = [...jumps, target].find((settings) => settings.proxyCommand !== undefined);
  return { hops, proxyCommand: proxied?.proxyCommand };
}

interface Place {
  readonly alias: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

async function settingsOf(place: Place, options: TransportOptions): Promise<SshSettings> {
  return await resolveSshConfig({ ...place, file: options.sshConfig });
}

/** Jump hosts before `settings`. As with OpenSSH, only the first of a list may have jump hosts of its own. */
async function jumpsTo(settings: SshSettings, options: TransportOptions, left: number): Promise<SshSettings[]> {
  if (settings.proxyJump === undefined) return [];
  if (left === 0) {
    throw new TransportError("invalid", {
      step: "plan the way",
      host: settings.hostName,
      reason: `ProxyJump leads over more than ${LONGEST_ROUTE} hosts`,
      remedy: 'look for a circle in ssh_config; set "ProxyJump none" for the jump host itself.',
    });
  }
  const places = settings.proxyJump.split(",").map(parseJump);
  const jumps: SshSettings[] = [];
  for (const place of places) jumps.push(await settingsOf(place, options));
  const [first] = jumps;
  return first === undefined ? [] : [...(await jumpsTo(first, options, left - 1)), ...jumps];
}

function parseJump(text: string): Place {
  const [, user, bracketed, plain, port] =
    /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?\/?$/.exec(text.trim()) ?? [];
  const alias = bracketed ?? plain;
  if (alias === undefined || alias.startsWith("-")) {
    throw new TransportError("invalid", {
      step: "plan the way",
      host: `"${text}"`,
      reason: "ProxyJump is not [user@]host[:port]",
      remedy: "correct it in ssh_config.",
    });
  }
  return { alias, user, port: port === undefined ? undefined : Number(port) };
}

async function hop(
  settings: SshSettings,
  uri: LibvirtUri,
  options: TransportOptions,
  pinned: string | undefined,
): Promise<SshHop> {
  const { hostName: host, port, user } = settings;
  const { knownHosts } = namedFiles(uri, options);
  const address = host.includes(":") ? `[${host}]` : host;
  const description = `${user}@${address}:${port}`;
  const hostKeyRules: HostKeyRules = {
    pinned,
    files: knownHosts === undefined ? [...settings.userKnownHosts, ...settings.globalKnownHosts] : [knownHosts],
    alias: settings.hostKeyAlias,
    acceptNew:
      uri.params.known_hosts_verify === undefined ? settings.acceptNew : uri.params.known_hosts_verify === "auto",
  };
  const { byAuthorityAlone } = await HostKeyCheck.prepare(hostKeyRules, { description, host, port });
  const keys = await keysFor(settings, uri, options);
  return { description, host, port, user, keys, hostKeyRules, byAuthorityAlone };
}

/** Keys named in options or the URI are offered to jump hosts as well: there is no other place to name theirs. */
async function keysFor(settings: SshSettings, uri: LibvirtUri, options: TransportOptions): Promise<KeyRing> {
  const { sshauth = ["agent", "privkey"] } = uri.params;
  const texts: { label: string; text: string }[] = [];
  if (options.privateKey !== undefined) texts.push({ label: "the key of the configuration", text: options.privateKey });
  if (options.identityEnv !== undefined) texts.push(keyFromEnvironment(options.identityEnv));
  const named = namedFiles(uri, options).identity;
  const files = sshauth.includes("privkey") ? settings.identityFiles : [];
  return await ringOf().collectKeys({
    texts,
    required: named === undefined ? [] : [named],
    // Default names stand back where a key was named or given, as with OpenSSH's -i.
    files: settings.identityConfigured || (named === undefined && texts.length === 0) ? files : [],
    certificates: sshauth.includes("privkey") ? settings.certificateFiles : [],
    passphrase: options.passphrase,
    agent: sshauth.includes("agent") ? settings.agent : undefined,
    identitiesOnly: settings.identitiesOnly,
  });
}

function keyFromEnvironment(name: string): { label: string; text: string } {
  const text = process.env[name];
  if (text === undefined || text.trim() === "") {
    throw new TransportError("auth", {
      step: "use the ssh key",
      host: `environment variable ${name}`,
      reason: "the variable is not set",
      remedy: `set ${name} to the text of a private key in the environment of pulumi, or change identityEnv.`,
    });
  }
  return { label: `environment variable ${name}`, text: text.endsWith("\n") ? text : `${text}\n` };
}
