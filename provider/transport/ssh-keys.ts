import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { errnoOf, reasonOf, TransportError } from "./errors";
import { fingerprint, typeOfKey } from "./known-hosts";
import { agentKeys, publicKeyOf } from "./ssh";

/** One key to try, in the order of trial. */
export type Identity =
  | { readonly kind: "key"; readonly label: string; readonly text: string; readonly passphrase?: string | undefined }
  | { readonly kind: "agent"; readonly label: string; readonly socket: string; readonly publicKey: Buffer };

export interface KeySources {
  /** Key texts from options or an environment variable, with a label for messages. */
  readonly texts: readonly { readonly label: string; readonly text: string }[];
  /** Files that the user named in options or the URI: must be usable. */
  readonly required: readonly string[];
  /** Files from ssh_config, or its default names: used when they are there. */
  readonly files: readonly string[];
  /** Certificates that ssh_config names, beside those that lie next to the files. */
  readonly certificates: readonly string[];
  readonly passphrase?: string | undefined;
  readonly agent?: string | undefined;
  /** Use only those keys of the agent whose public key belongs to one of the files. */
  readonly identitiesOnly: boolean;
}

export interface KeyRing {
  readonly identities: readonly Identity[];
  /** Why keys were left out, for the message when no key is accepted. */
  readonly skipped: readonly string[];
  /** True when one of the files is a key on a security token, which ssh2 cannot use. */
  readonly securityKey: boolean;
  /** Where a certificate lies that OpenSSH would show with one of the keys, and ssh2 cannot. */
  readonly certificate?: string | undefined;
}

/**
 * Collects the keys to try: named texts, then files (through the agent where it holds them), then the rest of the agent.
 * Files go before the agent's other keys because a server hangs up after six wrong ones (MaxAuthTries).
 */
export async function collectKeys(sources: KeySources): Promise<KeyRing> {
  const skipped: string[] = [];
  const agent = await keysOfAgent(sources.agent, skipped);
  const identities: Identity[] = sources.texts.map(({ label, text }) => {
    const key = publicKeyOf(text, sources.passphrase);
    if (key instanceof Error) throw unusable(label, key.message);
    return { kind: "key", label: `${label} (${fingerprint(key)})`, text, passphrase: sources.passphrase };
  });
  const used = new Set<string>();
  let securityKey = false;
  for (const file of new Set([...sources.required, ...sources.files])) {
    const required = sources.required.includes(file);
    const text = await readKey(file, required, skipped);
    if (text === undefined) continue;
    const publicKey = await publicPart(file, text);
    if (publicKey !== undefined && typeOfKey(publicKey).startsWith("sk-")) {
      securityKey = true;
      skipped.push(`${file}: a key on a security token needs ?ssh=openssh`);
      continue;
    }
    const held = publicKey && agent.find((identity) => identity.publicKey.equals(publicKey));
    const parsed = publicKeyOf(text, sources.passphrase);
    if (held !== undefined) {
      identities.push({ ...held, label: `${file} by the agent (${fingerprint(held.publicKey)})` });
      used.add(held.publicKey.toString("base64"));
    } else if (!(parsed instanceof Error)) {
      identities.push({ kind: "key", label: `${file} (${fingerprint(parsed)})`, text, passphrase: sources.passphrase });
    } else {
      if (required) throw unusable(file, parsed.message);
      skipped.push(`${file}: ${parsed.message}`);
    }
  }
  if (!sources.identitiesOnly) {
    identities.push(...agent.filter((identity) => !used.has(identity.publicKey.toString("base64"))));
  }
  const certificate = await certificateOf(sources);
  if (certificate !== undefined) skipped.push(`${certificate}: a certificate needs ?ssh=openssh`);
  return { identities, skipped, securityKey, certificate };
}

/** Certificates of the agent count where nobody has named a key. */
async function certificateOf(sources: KeySources): Promise<string | undefined> {
  const { certificates, required, files, texts, agent, identitiesOnly } = sources;
  for (const file of [...certificates, ...[...required, ...files].map((key) => `${key}-cert.pub`)]) {
    if (await isThere(file)) return file;
  }
  const isNamed = required.length > 0 || texts.length > 0 || identitiesOnly;
  return agent === undefined || isNamed ? undefined : await certificateOfAgent(agent);
}

/** ssh2 leaves out what it cannot parse. */
async function certificateOfAgent(socket: string): Promise<string | undefined> {
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  const listed = await promisify(execFile)("ssh-add", ["-L"], { env, timeout: 5000 }).catch(() => undefined);
  return /^\S+-cert-v01@openssh\.com /m.test(listed?.stdout ?? "") ? `agent at ${socket}` : undefined;
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

type AgentIdentity = Extract<Identity, { kind: "agent" }>;

async function keysOfAgent(socket: string | undefined, skipped: string[]): Promise<AgentIdentity[]> {
  if (socket === undefined || socket === "") return [];
  try {
    const keys = await agentKeys(socket);
    return keys.map((publicKey) => {
      return { kind: "agent", label: `agent key ${fingerprint(publicKey)}`, socket, publicKey };
    });
  } catch (error) {
    skipped.push(`agent at ${socket}: ${reasonOf(error)}`);
    return [];
  }
}

async function readKey(file: string, required: boolean, skipped: string[]): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (required) throw unusable(file, reasonOf(error));
    if (errnoOf(error) !== "ENOENT") skipped.push(`${file}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** The public key of a private key file without its passphrase: from the file itself or the .pub beside it. */
async function publicPart(file: string, text: string): Promise<Buffer | undefined> {
  const own = publicLine(text) ?? openSshPublicPart(text);
  if (own !== undefined) return own;
  try {
    return publicLine(await readFile(`${file}.pub`, "utf8"));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function publicLine(text: string): Buffer | undefined {
  const [type, base64] = text.trim().split(/\s+/);
  const key = Buffer.from(base64 ?? "", "base64");
  return type !== "" && typeOfKey(key) === type ? key : undefined;
}

/** OpenSSH's own format keeps the public key in clear, after cipher, kdf and kdf options (PROTOCOL.key). */
function openSshPublicPart(text: string): Buffer | undefined {
  const [, base64] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/.exec(text) ?? [];
  if (base64 === undefined) return undefined;
  const blob = Buffer.from(base64, "base64");
  let offset = "openssh-key-v1\0".length;
  const field = (): Buffer | undefined => {
    if (offset + 4 > blob.length) return undefined;
    const start = offset + 4;
    offset = start + blob.readUInt32BE(offset);
    return offset > blob.length ? undefined : blob.subarray(start, offset);
  };
  const header = [field(), field(), field()];
  // The number of keys, always 1, stands between.
  offset += 4;
  return header.includes(undefined) ? undefined : field();
}

function unusable(label: string, reason: string): TransportError {
  const encrypted = /passphrase/i.test(reason);
  return new TransportError("auth", {
    step: "use the ssh key",
    host: label,
    reason,
    remedy: encrypted
      ? "give the passphrase (pulumi config set --secret kvm:sshPassphrase), or load the key into the agent with ssh-add."
      : "name a private key file that this user can read, in OpenSSH or PEM format.",
  });
}
