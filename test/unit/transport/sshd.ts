import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  /** A URI of this server with these parameters added. */
  uri(parameters?: Readonly<Record<string, string>>): string;
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

/**
 * A private sshd on a free port of 127.0.0.1, in a folder of its own. `settings` are lines of sshd_config.
 * Remote commands see `bin` first and otherwise the system's PATH.
 */
export async function startSshd(settings: readonly string[] = []): Promise<Sshd> {
  const folder = makeFolder();
  const port = await freePort();
  const hostKeyFile = makeKey(folder, "host");
  const identityFile = makeKey(folder, "id");
  const bin = join(folder, "bin");
  mkdirSync(bin);
  mkdirSync("/run/sshd", { recursive: true });
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
    `SetEnv PATH=${bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
  ];
  writeFileSync(join(folder, "sshd_config"), `${config.join("\n")}\n`);
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(folder, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(child);
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
    uri: (parameters = {}) => {
      const query = new URLSearchParams(parameters).toString();
      return `qemu+ssh://root@127.0.0.1:${port}/system${query === "" ? "" : `?${query}`}`;
    },
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
export async function startEcho(folder: string): Promise<EchoServer> {
  const path = join(folder, `echo-${Math.random().toString(36).slice(2, 8)}`);
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
