import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Dialer } from "./dialer";
import { errnoOf, HANGING_SHELL, reasonOf, TransportError, type TransportErrorCode } from "./errors";
import { ExecSlots } from "./exec-slots";
import { knownHostName } from "./known-hosts";
import { DEFAULT_TIMEOUT, namedFiles, type TransportOptions } from "./options";
import { resolveSshConfig } from "./ssh-config";
import type { SshSettings } from "./ssh-settings";
import {
  commandOf,
  daemonRemedy,
  helperProbe,
  judgeHelper,
  judgeNetcat,
  netcatProbe,
  type Way,
  waysFor,
} from "./ssh-ways";
import { StreamPair } from "./stream-pair";
import type { LibvirtUri } from "./uri";

/** A login and a command may take as many times the deadline for connecting: a security key may have to be touched. */
const PATIENCE = 3;

/** With keys in them. A process that ends as it dials, or just after it was told to close, closes nothing any more. */
const secretFolders = new Set<string>();
process.once("exit", () => {
  for (const folder of secretFolders) rmSync(folder, { recursive: true, force: true });
});

/**
 * Dials through the system's ssh, one process and login for each stream: slower than `SshDialer`,
 * but with all that OpenSSH knows (ProxyCommand, security tokens, certificates, GSSAPI, ControlMaster).
 */
export class OpenSshDialer implements Dialer {
  readonly description: string;
  readonly #children = new Set<ChildProcess>();
  /** sshd refuses logins at random above ten unfinished ones (MaxStartups). */
  readonly #slots = new ExecSlots();
  #secrets: Promise<string> | undefined;
  #settings: Promise<SshSettings> | undefined;
  #way: Promise<Way> | undefined;

  constructor(
    private readonly uri: LibvirtUri,
    private readonly options: TransportOptions,
  ) {
    this.description = `ssh (system) ${uri.user === undefined ? "" : `${uri.user}@`}${uri.host ?? ""}${uri.port === undefined ? "" : `:${uri.port}`}`;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    this.#way ??= this.#findWay();
    const finding = this.#way;
    finding.catch(() => {
      if (this.#way === finding) this.#way = undefined;
    });
    const way = await finding;
    return await this.#slots.open(
      (release) => this.#start(way, release),
      () => false,
      signal,
    );
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill();
    const secrets = await this.#secrets?.catch(() => undefined);
    this.#secrets = undefined;
    if (secrets === undefined) return;
    await rm(secrets, { recursive: true, force: true });
    secretFolders.delete(secrets);
  }

  async #findWay(): Promise<Way> {
    const failures: string[] = [];
    for (const kind of waysFor(this.uri)) {
      // The system's ssh opens no channel to a socket over its standard streams.
      if (kind === "streamlocal") continue;
      const result = await this.#run(kind === "helper" ? helperProbe(this.uri) : netcatProbe(this.uri));
      const finding = kind === "helper" ? judgeHelper(result) : judgeNetcat(result);
      if (finding.way !== undefined) return finding.way;
      failures.push(...finding.failures);
    }
    throw new TransportError("refused", {
      step: "reach the libvirt daemon",
      host: this.description,
      reason: failures.join("; ") || "the system's ssh has no way to it",
      remedy: daemonRemedy(failures),
    });
  }

  async #start(way: Way, release: () => void): Promise<Duplex> {
    if (way.kind === "streamlocal") throw new Error("streamlocal is never chosen here");
    const child = await this.#spawn(commandOf(way, this.uri));
    const stream = new StreamPair(child.stdout, child.stdin, () => child.kill());
    child.once("close", (status) => {
      release();
      if (status === 0) stream.finish();
      else stream.destroy(this.#failure(status, child.said()));
    });
    return stream;
  }

  async #run(command: string): Promise<{ stdout: string; stderr: string; status: number | undefined }> {
    const child = await this.#spawn(command);
    child.stdin.end();
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
    });
    const seconds = PATIENCE * (this.options.timeout ?? DEFAULT_TIMEOUT);
    const status = await new Promise<number | null>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill();
        reject(this.#timedOut(command, seconds));
      }, seconds * 1000);
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });
    // ssh's own failures end with 255.
    if (status === 255 || status === null) throw this.#failure(status, child.said());
    return { stdout, stderr: child.said(), status };
  }

  async #spawn(command: string) {
    const args = await this.#args();
    const child = spawn(this.uri.params.command ?? "ssh", [...args, command], { stdio: "pipe" });
    this.#children.add(child);
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      if (said.length < 4096) said += chunk.toString("utf8");
    });
    child.stdin.on("error", (error) => {
      said += error.message;
    });
    child.once("close", () => this.#children.delete(child));
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve).on("error", (error) => reject(this.#spawnError(error)));
    });
    return Object.assign(child, { said: () => said.trim() });
  }

  async #args(): Promise<string[]> {
    const { uri, options } = this;
    const { knownHosts, identity } = namedFiles(uri, options);
    // Of two settings ssh takes the first: beside a pinned key no other file may count, and none may be added to it.
    const pinned = options.hostKey !== undefined;
    const settings = [
      "BatchMode=yes",
      `ConnectTimeout=${Math.ceil(options.timeout ?? DEFAULT_TIMEOUT)}`,
      "ServerAliveInterval=10",
      "ServerAliveCountMax=3",
      `StrictHostKeyChecking=${!pinned && (await this.#acceptsNew()) ? "accept-new" : "yes"}`,
      ...(pinned || knownHosts === undefined ? [] : [`UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=none"]),
      ...(await this.#secretSettings()),
    ];
    return [
      "-T",
      ...(options.sshConfig === undefined ? [] : ["-F", options.sshConfig]),
      ...(uri.user === undefined ? [] : ["-l", uri.user]),
      ...(uri.port === undefined ? [] : ["-p", String(uri.port)]),
      ...(identity === undefined ? [] : ["-i", identity]),
      ...settings.flatMap((setting) => ["-o", setting]),
      "--",
      uri.host ?? "",
    ];
  }

  /** Said outright to ssh, because its own "no" would let a changed key pass. */
  async #acceptsNew(): Promise<boolean> {
    const { params, host = "", user, port } = this.uri;
    if (params.known_hosts_verify !== undefined) return params.known_hosts_verify === "auto";
    this.#settings ??= resolveSshConfig({ alias: host, user, port, file: this.options.sshConfig });
    return (await this.#settings).acceptNew;
  }

  /** Key text and pinned key reach ssh as files in a private folder, which `close` removes, or the end of the process. */
  async #secretSettings(): Promise<string[]> {
    const { hostKey, privateKey, identityEnv } = this.options;
    const key = privateKey ?? (identityEnv === undefined ? undefined : process.env[identityEnv]);
    if (hostKey === undefined && key === undefined) return [];
    if (hostKey?.startsWith("SHA256:")) {
      throw new TransportError("invalid", {
        step: "use hostKey",
        host: this.description,
        reason: "the system's ssh cannot check a bare fingerprint",
        remedy: 'pin the whole key: "ssh-ed25519 AAAA..." (the line of /etc/ssh/ssh_host_ed25519_key.pub).',
      });
    }
    this.#secrets ??= this.#writeSecrets(key);
    const folder = await this.#secrets;
    const pinned = `UserKnownHostsFile=${join(folder, "known_hosts")}`;
    return [
      ...(hostKey === undefined ? [] : [pinned, "GlobalKnownHostsFile=none", "HostKeyAlias=pinned"]),
      ...(key === undefined ? [] : [`IdentityFile=${join(folder, "key")}`]),
    ];
  }

  async #writeSecrets(key: string | undefined): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "kvm-ssh-"));
    secretFolders.add(folder);
    const mode = 0o600;
    await writeFile(join(folder, "known_hosts"), `${knownHostName("pinned", 22)} ${this.options.hostKey ?? ""}\n`, {
      mode,
    });
    if (key !== undefined) await writeFile(join(folder, "key"), key.endsWith("\n") ? key : `${key}\n`, { mode });
    return folder;
  }

  #spawnError(error: Error): TransportError {
    const missing = errnoOf(error) === "ENOENT";
    return new TransportError("unreachable", {
      step: "start the system's ssh",
      host: this.description,
      reason: missing ? "there is no ssh program on this machine" : reasonOf(error),
      remedy:
        "install openssh-client, or do without what needs it: ?ssh=openssh, ?command=, ProxyCommand, or certificates (?ssh=ssh2 uses the keys alone).",
      cause: error,
    });
  }

  #timedOut(command: string, seconds: number): TransportError {
    return new TransportError("timeout", {
      step: `run ${command} by the system's ssh`,
      host: this.description,
      reason: `no answer within ${seconds} s`,
      remedy: HANGING_SHELL,
    });
  }

  #failure(status: number | null, said: string): TransportError {
    const code = codeOf(said);
    const unheard =
      code === "auth" && this.options.passphrase !== undefined
        ? "load an encrypted key into the agent with ssh-add, for the system's ssh is told no passphrase (kvm:sshPassphrase); or "
        : "";
    return new TransportError(code, {
      step: "use the system's ssh",
      host: this.description,
      reason: `${said || "it said nothing"} (${status === null ? "killed" : `exit status ${status}`})`,
      remedy: `${unheard}try by hand: ssh -v to that host.`,
    });
  }
}

/** The class of failure, from the messages of OpenSSH's client, which are not translated. */
function codeOf(said: string): TransportErrorCode {
  if (/host key verification failed|host identification has changed/i.test(said)) return "host-key";
  if (/permission denied \(|too many authentication failures/i.test(said)) return "auth";
  if (/connection refused/i.test(said)) return "refused";
  if (/timed out/i.test(said)) return "timeout";
  if (/kex_exchange_identification|invalid/i.test(said)) return "protocol";
  return "unreachable";
}
