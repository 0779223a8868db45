import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect } from "../../provider/libvirt/connection";
import { type HostDialer, openDialer } from "../../provider/transport/open";
import { type Lab, startLab } from "./lab";

let lab: Lab;
const servers: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
}, 60_000);

afterAll(async () => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  await lab.stop();
});

/** The version that the daemon behind the URI reports, over our own client. */
async function versionBehind(uri: string): Promise<number> {
  const dialer = openDialer({ uri, sshConfig: "none" });
  try {
    const connection = await connect({ uri, driverUri: dialer.driverUri, dialer });
    try {
      return connection.version;
    } finally {
      await connection.close();
    }
  } finally {
    await dialer.close();
  }
}

/** Leads connections to a loopback port of this machine on to a port inside the host. */
async function forward(port: number): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    const target = `TCP:127.0.0.1:${port}`;
    const child = spawn("nsenter", ["-t", String(lab.host.pids[0]), "-n", "socat", "STDIO", target], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    socket.on("close", () => child.kill()).on("error", () => socket.destroy());
    child.stdin.on("error", () => socket.destroy());
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Asks for the list of authentications (procedure 66), the first call of any client, and waits for the answer. */
async function ask(stream: Duplex): Promise<void> {
  const call = Buffer.alloc(28);
  for (const [index, word] of [28, 0x20008086, 1, 66, 0, 1, 0].entries()) call.writeUInt32BE(word, 4 * index);
  stream.write(call);
  const [reply] = await once(stream, "data");
  expect(reply.readUInt32BE(12)).toBe(66);
  expect(reply.readUInt32BE(24)).toBe(0);
}

const libvirt9 = 9_000_000;

test.each(["helper", "streamlocal", "netcat", "auto"])("ssh to a real daemon by %s", async (proxy) => {
  expect(await versionBehind(`${lab.host.uri}&proxy=${proxy}`)).toBeGreaterThanOrEqual(libvirt9);
});

test("the system's ssh to a real daemon", async () => {
  expect(await versionBehind(`${lab.host.uri}&ssh=openssh`)).toBeGreaterThanOrEqual(libvirt9);
});

test("the test driver behind ssh", async () => {
  const uri = lab.host.uri.replace("qemu+ssh", "test+ssh").replace("/system", "/default");
  expect(await versionBehind(uri)).toBeGreaterThanOrEqual(libvirt9);
});

test("a unix socket and a plain TCP port", async () => {
  expect(await versionBehind(lab.host.socketUri)).toBeGreaterThanOrEqual(libvirt9);
  expect(await versionBehind(`qemu+tcp://127.0.0.1:${await forward(16509)}/system`)).toBeGreaterThanOrEqual(libvirt9);
});

test("MaxSessions 4 and 32 dials, without channels to sockets: all are served", async () => {
  const host = lab.hosts[1];
  await host?.exec("printf 'MaxSessions 4\\nAllowStreamLocalForwarding no\\n' > /run/limits");
  await host?.exec("cat /run/limits /etc/ssh/sshd_config > /run/limited && $(command -v sshd) -f /run/limited -p 2222");
  const config = join(lab.folder, "jump_config");
  const keys = `IdentityFile ${host?.identityFile}\n  UserKnownHostsFile ${host?.knownHosts}\n  GlobalKnownHostsFile none`;
  const entry = `Host entry\n  HostName 127.0.0.1\n  Port ${host?.sshPort}\n  User root\n  ${keys}\n`;
  writeFileSync(
    config,
    `${entry}Host limited\n  HostName 127.0.0.1\n  Port 2222\n  User root\n  ProxyJump entry\n  ${keys}\n`,
  );
  const dialer = openDialer({ uri: "qemu+ssh://limited/system", hostKey: host?.hostKey, sshConfig: config });
  try {
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        const stream = await dialer.dial();
        await ask(stream);
        stream.destroy();
      }),
    );
  } finally {
    await dialer.close();
  }
});

test.each(["auto", "helper"])(
  "a restarted daemon is reached by the same ssh connection, and its absence is explained, by %s",
  async (proxy) => {
    const dialer: HostDialer = openDialer({ uri: `${lab.host.uri}&proxy=${proxy}`, sshConfig: "none" });
    try {
      const stream = await dialer.dial();
      await ask(stream);
      // A program ends with an error of its own, a channel without a word.
      const ended = Promise.allSettled([once(stream.resume(), "end")]);
      await lab.host.killLibvirtd();
      await ended;
      // A program is started before it finds that nobody listens, a channel is refused at once.
      const refused = async () => once((await dialer.dial()).resume(), "error");
      const error = await refused().then(
        ([reason]) => reason,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "refused", reason: expect.stringContaining("libvirt-sock") });
      await lab.host.startLibvirtd();
      await ask(await dialer.dial());
    } finally {
      await dialer.close();
    }
  },
);

test("TLS to a real daemon, with its own judgement of our certificate", async () => {
  const pki = join(lab.folder, "pki");
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore" });
  const make = (folder: string, name: string, ca: string | undefined, ...extensions: string[]) => {
    const path = join(folder, name);
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", `${path}key.pem`];
    const signer = ca === undefined ? [] : ["-CA", `${ca}cert.pem`, "-CAkey", `${ca}key.pem`];
    const extra = extensions.flatMap((extension) => ["-addext", extension]);
    openssl(
      "req",
      "-x509",
      ...key,
      ...signer,
      ...extra,
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
      "-out",
      `${path}cert.pem`,
    );
    return path;
  };
  const folders = ["good", "stranger"].map((name) => join(pki, name)) as [string, string];
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    const ca = make(folder, "ca", undefined, "keyUsage=critical,keyCertSign");
    make(folder, "client", ca, "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth");
  }
  const [good, stranger] = folders;
  const usage = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth", "subjectAltName=IP:127.0.0.1"];
  make(good, "server", join(good, "ca"), ...usage);
  execFileSync("cp", [join(good, "cacert.pem"), join(stranger, "cacert.pem")]);
  const config = [
    "listen_tls = 1",
    ...["ca", "server"].map((name) => `${name === "ca" ? "ca" : "cert"}_file = "${join(good, `${name}cert.pem`)}"`),
    `key_file = "${join(good, "serverkey.pem")}"`,
  ];
  await lab.host.exec(
    `sed -i '/^listen_tls/d' /etc/libvirt/libvirtd.conf; printf '%s\\n' ${config.map((line) => `'${line}'`).join(" ")} >> /etc/libvirt/libvirtd.conf`,
  );
  await lab.host.restartLibvirtd();
  const uri = (folder: string, port: number) => `qemu+tls://127.0.0.1:${port}/system?pkipath=${folder}`;
  const port = await forward(16514);
  expect(await versionBehind(uri(good, port))).toBeGreaterThanOrEqual(libvirt9);
  await expect(versionBehind(uri(stranger, port))).rejects.toMatchObject({ code: "auth" });
}, 60_000);
