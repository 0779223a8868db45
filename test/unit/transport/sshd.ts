import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Sshd {
  readonly port: number;
  readonly folder: string;
  /** Public host key as in a known_hosts line: "ssh-ed25519 AAAA...". */
  readonly hostKey: string;
  /** known_hosts file that holds the key. */
  readonly knownHosts: string;
  /** Private key file that the server accepts for root. */
  readonly identityFile: string;
  /** Folder at the front of PATH of every remote command; empty at first. */
  readonly bin: string;
  /** What the server sees as /run/libvirt. */
  readonly runtime: string;
  /** A URI of this server with these parameters added. */
  uri(parameters?: Readonly<Record<string, string>>): string;
  /** Starts the server anew with further lines of sshd_config in front. */
  restart(config: readonly string[]): Promise<void>;
  /** Kills the processes that serve the logins, by pid. */
  dropConnections(): void;
  stop(): Promise<void>;
}

/** Makes a key pair and returns the path of the private key. */
export function makeKey(folder: string, name: string, passphrase = "", type = "ed25519"): string {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", name, "-f", path]);
  return path;
}

export function publicKey(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "kvm-t-"));
}

export interface SshdSettings {
  /** Lines of sshd_config; the first value of a keyword wins, so these win over ours. */
  readonly config?: readonly string[];
  /** Programs of /usr/bin that remote commands see. Default: all. */
  readonly programs?: readonly string[];
}

/**
 * A private sshd on a free port of 127.0.0.1, in a folder and a mount namespace of its own,
 * so that the machine's own /run/libvirt is out of sight.
 */
export async function startSshd({ config: settings = [], programs }: SshdSettings = {}): Promise<Sshd> {
  const folder = makeFolder();
  const port = await freePort();
  const hostKeyFile = makeKey(folder, "host");
  const identityFile = makeKey(folder, "id");
  const bin = join(folder, "bin");
  const runtime = join(folder, "run");
  mkdirSync(bin);
  mkdirSync(runtime);
  for (const program of programs ?? []) symlinkSync(`/usr/bin/${program}`, join(bin, program));
  writeFileSync(join(folder, "authorized_keys"), `${publicKey(identityFile)}\n`);
  const config = [
    ...settings,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKeyFile}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PidFile none",
    // Not what root's own shell does at a login, which takes its time and may hang when it is cut off in it.
    `SetEnv HOME=${folder} PATH=${bin}${programs === undefined ? ":/usr/sbin:/usr/bin:/sbin:/bin" : ""}`,
  ];
  const configFile = join(folder, "sshd_config");
  writeFileSync(configFile, `${config.join("\n")}\n`);
  let child = await launch(runtime, configFile);
  const hostKey = publicKey(hostKeyFile);
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey}\n`);
  return {
    port,
    folder,
    hostKey,
    knownHosts,
    identityFile,
    bin,
    runtime,
    uri: (parameters = {}) => {
      const query = new URLSearchParams(parameters).toString();
      return `qemu+ssh://root@127.0.0.1:${port}/system${query === "" ? "" : `?${query}`}`;
    },
    restart: async (lines) => {
      await end(child);
      writeFileSync(configFile, `${[...lines, ...config].join("\n")}\n`);
      child = await launch(runtime, configFile);
    },
    dropConnections: () => {
      for (const pid of childrenOf(child)) process.kill(pid, "SIGKILL");
    },
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(runtime: string, configFile: string): Promise<ChildProcess> {
  const mounts = 'mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/libvirt && mount --bind "$1" /run/libvirt';
  const script = `${mounts} && exec /usr/sbin/sshd -D -e -f "$2"`;
  const child = spawn("unshare", ["-m", "sh", "-c", script, "sh", runtime, configFile], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(child);
  return child;
}

function childrenOf(child: ChildProcess): number[] {
  const listed = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
  return listed.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Writes an executable script into the server's PATH. */
export function install(sshd: Sshd, name: string, script: string): void {
  writeFileSync(join(sshd.bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

export interface EchoServer {
  readonly path: string;
  /** Connections at this moment. */
  readonly connections: () => Promise<number>;
  stop(): Promise<void>;
}

/** Stands in for the daemon: sends back what it gets. */
export async function startEcho(path: string): Promise<EchoServer> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(path);
  await once(server, "listening");
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  return {
    path,
    connections,
    stop: async () => {
      server.close();
      await sleep(0);
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Ends a child process by its pid and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function listening(child: ChildProcess): Promise<void> {
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("Server listening")) resolve();
    });
    child.once("exit", () => reject(new Error(`sshd did not start: ${said}`)));
  });
}
