import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf, TransportError } from "./errors";
import {
  fingerprint,
  judge,
  type KnownHost,
  knownHostName,
  knownHostsLine,
  linesFor,
  orderAlgorithms,
  parseKnownHosts,
  typeOfKey,
  type Verdict,
} from "./known-hosts";

/** Where the truth about host keys is kept, and what to do with a host that is not there. */
export interface HostKeyRules {
  /** The only key to accept; known_hosts is not looked at then. */
  readonly pinned?: string | undefined;
  /** known_hosts files; the first is the one to add to. */
  readonly files: readonly string[];
  /** Name to look up instead of the host's; used without a port. */
  readonly alias?: string | undefined;
  /** Accept an unknown key and write it down. A changed one is refused all the same. */
  readonly acceptNew: boolean;
}

/** Decides about the key of one server; made before its login, asked once during it. */
export class HostKeyCheck {
  /** Why the key was refused, once it was. */
  refusal: TransportError | undefined;
  /** The line to write down after a login by `acceptNew`. */
  #accepted: string | undefined;

  private constructor(
    private readonly rules: HostKeyRules,
    /** For messages: "root@rack1:2201". */
    private readonly host: string,
    private readonly name: string,
    private readonly lines: readonly KnownHost[],
    /** Lines of the bare name: OpenSSH accepts a key known for another port of the host. */
    private readonly plainLines: readonly KnownHost[],
  ) {}

  static async prepare(
    rules: HostKeyRules,
    server: { description: string; host: string; port: number },
  ): Promise<HostKeyCheck> {
    const entries: KnownHost[] = [];
    if (rules.pinned === undefined) {
      for (const file of rules.files) entries.push(...parseKnownHosts(await readIfThere(file), file));
    } else {
      checkPin(rules.pinned, server.description);
    }
    const name = rules.alias?.toLowerCase() ?? knownHostName(server.host, server.port);
    const plain = linesFor(entries, rules.alias?.toLowerCase() ?? server.host.toLowerCase());
    return new HostKeyCheck(rules, server.description, name, linesFor(entries, name), plain);
  }

  /** True where nothing but certificate authorities is known of the server. */
  get byAuthorityAlone(): boolean {
    const lines = [...this.lines, ...this.plainLines].filter((line) => line.marker !== "revoked");
    return lines.length > 0 && lines.every((line) => line.marker === "cert-authority");
  }

  /** Host key algorithms to ask for, best first. */
  algorithms<A extends string>(supported: readonly A[]): A[] {
    const lines = this.lines.length > 0 ? this.lines : this.plainLines;
    const types = lines.filter((line) => line.marker === "none").map((line) => line.keyType);
    const pinnedType = this.rules.pinned?.split(" ")[0] ?? "";
    return orderAlgorithms(supported, [...types, pinnedType]);
  }

  /** True when this key may be trusted; otherwise `refusal` says why not. */
  accepts(key: Buffer): boolean {
    this.refusal = this.rules.pinned === undefined ? this.#judge(key) : this.#comparePin(this.rules.pinned, key);
    return this.refusal === undefined;
  }

  /** Writes down a key that was accepted as new. Call it when the login has succeeded. */
  async remember(): Promise<void> {
    const [file] = this.rules.files;
    if (this.#accepted === undefined || file === undefined) return;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = await readIfThere(file);
    const separator = before === "" || before.endsWith("\n") ? "" : "\n";
    await appendFile(file, `${separator}${this.#accepted}\n`, { mode: 0o600 });
    this.#accepted = undefined;
  }

  #judge(key: Buffer): TransportError | undefined {
    let verdict = judge(this.lines, key);
    if (verdict.kind === "unknown") {
      const plain = judge(this.plainLines, key);
      if (plain.kind === "known" || plain.kind === "revoked") verdict = plain;
    }
    if (verdict.kind === "known") return undefined;
    if (verdict.kind === "unknown" && this.rules.acceptNew) {
      this.#accepted = knownHostsLine(this.name, key);
      return undefined;
    }
    return this.#refuse(verdict, key);
  }

  #refuse(verdict: Exclude<Verdict, { kind: "known" }>, key: Buffer): TransportError {
    const offered = `${typeOfKey(key)} ${fingerprint(key)}`;
    const file = this.rules.files[0] ?? "~/.ssh/known_hosts";
    const line = knownHostsLine(this.name, key);
    if (verdict.kind === "revoked") {
      return this.#error(
        `it shows ${offered}, which ${at(verdict.by)} revokes`,
        "find out why the key was revoked; do not connect.",
      );
    }
    if (verdict.kind === "changed") {
      const { by } = verdict;
      return this.#error(
        `its host key has CHANGED: it shows ${offered}, but ${at(by)} expects ${by.keyType} ${fingerprint(by.key)}. The host was installed anew, or somebody is in between`,
        `ask whoever runs the host for its fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub). If the new key is right, replace line ${by.line} of ${by.file} by\n    ${line}`,
      );
    }
    const authority = verdict.others.find((other) => other.marker === "cert-authority");
    const others = verdict.others.filter((other) => other.marker === "none");
    const known =
      authority !== undefined
        ? `; ${at(authority)} is a @cert-authority line, and host certificates need ?ssh=openssh`
        : others.length > 0
          ? `; known for it: ${others.map((other) => `${other.keyType} ${fingerprint(other.key)}`).join(", ")}`
          : `; nothing is known for ${this.name}`;
    return this.#error(
      `its host key is unknown: it shows ${offered}${known}`,
      `compare that with the fingerprint on the host itself (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub). If it is right, set hostKey to "${fingerprint(key)}" or add this line to ${file}:\n    ${line}`,
    );
  }

  #comparePin(pinned: string, key: Buffer): TransportError | undefined {
    const [type, base64] = pinned.trim().split(/\s+/);
    const expected = base64 === undefined ? undefined : Buffer.from(base64, "base64");
    const accepted =
      expected === undefined ? pinned.trim().replace(/=+$/, "") === fingerprint(key) : expected.equals(key);
    if (accepted) return undefined;
    const wanted = expected === undefined ? pinned : `${type} ${fingerprint(expected)}`;
    return this.#error(
      `it shows ${typeOfKey(key)} ${fingerprint(key)}, but hostKey pins ${wanted}`,
      `check who answers at that address. If the host's key was changed on purpose, set hostKey to "${typeOfKey(key)} ${key.toString("base64")}".`,
    );
  }

  #error(reason: string, remedy: string): TransportError {
    return new TransportError("host-key", { step: "trust the ssh server", host: this.host, reason, remedy });
  }
}

function checkPin(pinned: string, host: string): void {
  const text = pinned.trim();
  if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text)) return;
  const [type, base64] = text.split(/\s+/);
  if (base64 !== undefined && typeOfKey(Buffer.from(base64, "base64")) === type) return;
  throw new TransportError("invalid", {
    step: "use hostKey",
    host,
    reason: `"${text}" is neither a public key nor a fingerprint`,
    remedy: 'write "ssh-ed25519 AAAA..." (as in ssh_host_ed25519_key.pub) or "SHA256:..." (43 characters).',
  });
}

function at(entry: KnownHost): string {
  return `${entry.file}:${entry.line}`;
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    // Several of these files are usually absent. One that we may not read says nothing either, and strictness refuses.
    if (errnoOf(error) !== undefined) return "";
    throw error;
  }
}
