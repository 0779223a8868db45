import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDialer, type TransportOptions } from "../../../provider/transport/open";
import { type EchoServer, end, makeKey, publicKey, type Sshd, startEcho, startSshd } from "./sshd";

// Real ssh clients and servers, on a machine that may be busy.
jest.setTimeout(30_000);

let sshd: Sshd;
let echo: EchoServer;
/** Signs keys of users and hosts. */
let authority: string;
/** Accepted for its certificate alone. */
let certified: string;
/** known_hosts that has the authority alone. */
let authorities: string;

beforeAll(async () => {
  sshd = await startSshd();
  echo = await startEcho(join(sshd.folder, "echo"));
  authority = makeKey(sshd.folder, "authority");
  certified = makeKey(sshd.folder, "certified");
  sign("-n", "root", `${certified}.pub`);
  sign("-h", "-n", "127.0.0.1", join(sshd.folder, "host.pub"));
  authorities = join(sshd.folder, "authorities");
  writeFileSync(authorities, `@cert-authority [127.0.0.1]:* ${publicKey(authority)}\n`);
  await sshd.restart([`TrustedUserCAKeys ${authority}.pub`, `HostCertificate ${join(sshd.folder, "host-cert.pub")}`]);
});

afterAll(async () => {
  await echo.stop();
  await sshd.stop();
});

function sign(...words: readonly string[]): void {
  execFileSync("ssh-keygen", ["-q", "-s", authority, "-I", "test", ...words], { stdio: "ignore" });
}

/** Whose ssh reached the daemon. */
async function reached(changes: Partial<TransportOptions>, parameters = {}): Promise<string> {
  const uri = sshd.uri({ socket: echo.path, ...parameters });
  const dialer = openDialer({ uri, knownHosts: sshd.knownHosts, sshConfig: "none", timeout: 5, ...changes });
  try {
    const stream = await dialer.dial();
    stream.write("hello");
    await once(stream, "data");
    stream.destroy();
    return dialer.description.startsWith("ssh (system)") ? "system" : "ours";
  } finally {
    await dialer.close();
  }
}

test("a key with a certificate beside it logs in with it", async () => {
  expect(await reached({ identityFile: certified })).toBe("system");
  const alone = join(sshd.folder, "alone");
  copyFileSync(certified, alone);
  await expect(reached({ identityFile: alone })).rejects.toMatchObject({ code: "auth" });
  expect(await reached({ identityFile: sshd.identityFile })).toBe("ours");
});

test("a certificate that ssh_config names is shown", async () => {
  const bare = join(sshd.folder, "bare");
  copyFileSync(certified, bare);
  const sshConfig = join(sshd.folder, "config");
  writeFileSync(sshConfig, `Host *\n  IdentityFile ${bare}\n  CertificateFile ${certified}-cert.pub\n`);
  expect(await reached({ sshConfig })).toBe("system");
});

test("what only the built-in client can check is left to it, and its refusal tells of the certificate", async () => {
  const fingerprint = execFileSync("ssh-keygen", ["-lf", join(sshd.folder, "host.pub")], { encoding: "utf8" });
  const hostKey = fingerprint.split(" ")[1];
  const told = { code: "auth", reason: expect.stringContaining(`${certified}-cert.pub: a certificate needs`) };
  await expect(reached({ identityFile: certified, hostKey })).rejects.toMatchObject(told);
  await expect(reached({ identityFile: certified }, { ssh: "ssh2" })).rejects.toMatchObject(told);
});

test("a host that is known by its authority shows its certificate", async () => {
  const { identityFile } = sshd;
  expect(await reached({ identityFile, knownHosts: authorities })).toBe("system");
  const stranger = join(sshd.folder, "stranger");
  writeFileSync(stranger, `@cert-authority * ${publicKey(makeKey(sshd.folder, "other-authority"))}\n`);
  await expect(reached({ identityFile, knownHosts: stranger })).rejects.toMatchObject({ code: "host-key" });
  const both = join(sshd.folder, "both");
  writeFileSync(both, readFileSync(authorities, "utf8") + readFileSync(sshd.knownHosts, "utf8"));
  expect(await reached({ identityFile, knownHosts: both })).toBe("ours");
});

test("a certificate that the agent holds logs in, unless a key is named", async () => {
  const socket = join(sshd.folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket]);
  try {
    await once(agent.stdout, "data");
    execFileSync("ssh-add", ["-q", certified], { stdio: "ignore", env: { ...process.env, SSH_AUTH_SOCK: socket } });
    const sshConfig = join(sshd.folder, "with-agent");
    writeFileSync(sshConfig, `Host *\n  IdentityAgent ${socket}\n`);
    expect(await reached({ sshConfig })).toBe("system");
    expect(await reached({ sshConfig, identityFile: sshd.identityFile })).toBe("ours");
  } finally {
    await end(agent);
  }
});
