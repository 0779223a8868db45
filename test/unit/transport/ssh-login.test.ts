import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDialer, type TransportOptions } from "../../../provider/transport/open";
import { type EchoServer, end, freePort, install, makeKey, publicKey, type Sshd, startEcho, startSshd } from "./sshd";

// Real ssh clients and servers, on a machine that may be busy.
jest.setTimeout(30_000);

let sshd: Sshd;
let echo: EchoServer;

beforeAll(async () => {
  sshd = await startSshd();
  echo = await startEcho(join(sshd.folder, "echo"));
});

afterAll(async () => {
  await echo.stop();
  await sshd.stop();
});

function options(changes: Partial<TransportOptions> = {}): TransportOptions {
  return {
    uri: sshd.uri({ socket: echo.path }),
    identityFile: sshd.identityFile,
    knownHosts: sshd.knownHosts,
    sshConfig: "none",
    timeout: 5,
    ...changes,
  };
}

/** Sends a word to the echo server and returns what comes back. */
async function echoed(changes: Partial<TransportOptions> = {}): Promise<string> {
  const dialer = openDialer(options(changes));
  try {
    const stream = await dialer.dial();
    stream.write("hello");
    const [chunk] = await once(stream, "data");
    stream.destroy();
    return String(chunk);
  } finally {
    await dialer.close();
  }
}

describe("host key", () => {
  test("a known key is accepted", async () => {
    expect(await echoed()).toBe("hello");
  });

  test("an unknown key is refused with its fingerprint and the line to add", async () => {
    const knownHosts = join(sshd.folder, "empty");
    writeFileSync(knownHosts, "");
    const fingerprint = execFileSync("ssh-keygen", ["-lf", join(sshd.folder, "host.pub")], { encoding: "utf8" }).split(
      " ",
    )[1];
    const failure = await echoed({ knownHosts }).catch((error) => error);
    expect(failure).toMatchObject({ code: "host-key", reason: expect.stringContaining(fingerprint ?? "none") });
    const line = `[127.0.0.1]:${sshd.port} ${sshd.hostKey}`;
    expect(failure.remedy).toContain(line);
    expect(failure.remedy).toContain(knownHosts);
    appendFileSync(knownHosts, `${line}\n`);
    expect(await echoed({ knownHosts })).toBe("hello");
  });

  test("a changed key is refused with both fingerprints and the place", async () => {
    const other = makeKey(sshd.folder, "other-host");
    const knownHosts = join(sshd.folder, "changed");
    writeFileSync(knownHosts, `# comment\n[127.0.0.1]:${sshd.port} ${publicKey(other)}\n`);
    const failure = await echoed({ knownHosts }).catch((error) => error);
    expect(failure.code).toBe("host-key");
    expect(failure.reason).toContain("CHANGED");
    expect(failure.reason).toContain(`${knownHosts}:2`);
    expect(failure.reason.match(/SHA256:/g)).toHaveLength(2);
  });

  test("a hashed known_hosts file is understood", async () => {
    const knownHosts = join(sshd.folder, "hashed");
    writeFileSync(knownHosts, readFileSync(sshd.knownHosts));
    execFileSync("ssh-keygen", ["-q", "-H", "-f", knownHosts], { stdio: "ignore" });
    expect(readFileSync(knownHosts, "utf8")).toMatch(/^\|1\|/);
    expect(await echoed({ knownHosts })).toBe("hello");
  });

  test("the pinned key alone counts, as a key or a fingerprint", async () => {
    const knownHosts = "/nonexistent";
    expect(await echoed({ knownHosts, hostKey: sshd.hostKey })).toBe("hello");
    const other = publicKey(makeKey(sshd.folder, "pinned-other"));
    await expect(echoed({ hostKey: other })).rejects.toMatchObject({ code: "host-key" });
    await expect(echoed({ hostKey: `SHA256:${"A".repeat(43)}` })).rejects.toMatchObject({ code: "host-key" });
    await expect(echoed({ hostKey: "nonsense" })).rejects.toMatchObject({ code: "invalid" });
  });

  test("known_hosts_verify=auto writes an unknown key down, and refuses it when it changes", async () => {
    const knownHosts = join(sshd.folder, "accepted");
    const uri = sshd.uri({ socket: echo.path, known_hosts_verify: "auto" });
    expect(await echoed({ uri, knownHosts })).toBe("hello");
    expect(readFileSync(knownHosts, "utf8")).toBe(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
    expect(await echoed({ knownHosts })).toBe("hello");
    expect(await echoed({ uri, knownHosts: "/proc/known_hosts" })).toBe("hello");
  });
});

describe("user and key", () => {
  test("a wrong key is refused with the key and what to do", async () => {
    const failure = await echoed({ identityFile: makeKey(sshd.folder, "wrong") }).catch((error) => error);
    expect(failure).toMatchObject({ code: "auth", host: `root@127.0.0.1:${sshd.port}` });
    expect(failure.message).toContain(join(sshd.folder, "wrong"));
  });

  test("a wrong user is refused", async () => {
    const uri = sshd.uri({ socket: echo.path }).replace("root@", "nobody-here@");
    await expect(echoed({ uri })).rejects.toMatchObject({ code: "auth" });
  });

  test("an encrypted key needs its passphrase", async () => {
    const identityFile = makeKey(sshd.folder, "encrypted", "open sesame");
    appendFileSync(join(sshd.folder, "authorized_keys"), `${publicKey(identityFile)}\n`);
    expect(await echoed({ identityFile, passphrase: "open sesame" })).toBe("hello");
    await expect(echoed({ identityFile })).rejects.toMatchObject({ code: "auth", host: identityFile });
    await expect(echoed({ identityFile, passphrase: "wrong" })).rejects.toMatchObject({ code: "auth" });
  });

  test("an rsa and an ecdsa key work", async () => {
    for (const type of ["rsa", "ecdsa"]) {
      const identityFile = makeKey(sshd.folder, `id-${type}`, "", type);
      appendFileSync(join(sshd.folder, "authorized_keys"), `${publicKey(identityFile)}\n`);
      expect(await echoed({ identityFile })).toBe("hello");
    }
  });

  test("key text comes from the options or the environment", async () => {
    const privateKey = readFileSync(sshd.identityFile, "utf8");
    expect(await echoed({ identityFile: undefined, privateKey })).toBe("hello");
    process.env["KVM_TEST_KEY"] = privateKey;
    expect(await echoed({ identityFile: undefined, identityEnv: "KVM_TEST_KEY" })).toBe("hello");
    delete process.env["KVM_TEST_KEY"];
    const failure = await echoed({ identityFile: undefined, identityEnv: "KVM_TEST_KEY" }).catch((error) => error);
    expect(failure).toMatchObject({ code: "auth", host: "environment variable KVM_TEST_KEY" });
  });

  test("a missing key file is named", async () => {
    await expect(echoed({ identityFile: "/nonexistent" })).rejects.toMatchObject({
      code: "auth",
      host: "/nonexistent",
    });
  });
});

describe("agent", () => {
  let agent: ChildProcess;
  const before = process.env["SSH_AUTH_SOCK"];

  beforeAll(async () => {
    const socket = join(sshd.folder, "agent");
    agent = spawn("ssh-agent", ["-D", "-a", socket]);
    await once(agent.stdout ?? agent, "data");
    process.env["SSH_AUTH_SOCK"] = socket;
    for (let i = 0; i < 7; i++) add(makeKey(sshd.folder, `agent-${i}`));
  });

  afterAll(async () => {
    if (before === undefined) delete process.env["SSH_AUTH_SOCK"];
    else process.env["SSH_AUTH_SOCK"] = before;
    await end(agent);
  });

  const add = (path: string) => execFileSync("ssh-add", ["-q", path], { stdio: "ignore", env: { ...process.env } });

  test("seven wrong keys in the agent do not hide the named file", async () => {
    expect(await echoed()).toBe("hello");
  });

  test("without a named file the message says that the server hung up", async () => {
    const failure = await echoed({ identityFile: undefined }).catch((error) => error);
    expect(failure.code).toBe("auth");
    expect(failure.reason).toContain("agent key SHA256:");
  });

  test("the agent signs for an encrypted file whose public key it holds", async () => {
    const identityFile = makeKey(sshd.folder, "held", "secret");
    appendFileSync(join(sshd.folder, "authorized_keys"), `${publicKey(identityFile)}\n`);
    const plain = join(sshd.folder, "held-plain");
    writeFileSync(plain, readFileSync(identityFile), { mode: 0o600 });
    execFileSync("ssh-keygen", ["-q", "-p", "-P", "secret", "-N", "", "-f", plain], { stdio: "ignore" });
    add(plain);
    expect(await echoed({ identityFile })).toBe("hello");
    const config = join(sshd.folder, "only");
    writeFileSync(config, `Host *\n  IdentitiesOnly yes\n  IdentityFile ${identityFile}\n`);
    expect(await echoed({ identityFile: undefined, sshConfig: config })).toBe("hello");
    await expect(
      echoed({ identityFile: undefined, sshConfig: config, uri: sshd.uri({ socket: echo.path, sshauth: "privkey" }) }),
    ).rejects.toMatchObject({ code: "auth" });
  });
});

describe("what answers", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];

  // Also after a failure: what stays open would keep the test run from ending.
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  async function listen(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      sockets.push(socket);
      onConnection(socket);
    }).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  /** Passes bytes on to the sshd. */
  function passOn(socket: Socket): Socket {
    const server = connect(sshd.port, "127.0.0.1");
    sockets.push(server);
    socket.pipe(server).pipe(socket);
    return server;
  }

  test("a closed port is refused", async () => {
    const uri = `qemu+ssh://root@127.0.0.1:${await freePort()}/system`;
    await expect(echoed({ uri })).rejects.toMatchObject({ code: "refused", step: "connect to the ssh server" });
  });

  test("a server that is not ssh is told apart", async () => {
    const port = await listen((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await expect(echoed({ uri: `qemu+ssh://root@127.0.0.1:${port}/system` })).rejects.toMatchObject({
      code: "protocol",
    });
  });

  test("a busy server that hangs up at first is tried again", async () => {
    let logins = 0;
    const port = await listen((socket) => {
      if (++logins <= 4) socket.destroy();
      else passOn(socket);
    });
    const uri = `qemu+ssh://root@127.0.0.1:${port}/system?socket=${echo.path}`;
    expect(await echoed({ uri, hostKey: sshd.hostKey })).toBe("hello");
    expect(logins).toBe(5);
  });

  test("a command whose start and end come in one piece ended as it did", async () => {
    const port = await listen((socket) => {
      const server = connect(sshd.port, "127.0.0.1");
      sockets.push(server);
      socket.pipe(server);
      const held: Buffer[] = [];
      let timer: NodeJS.Timeout | undefined;
      // All that the server says until it waits for us.
      server.on("data", (chunk) => {
        clearTimeout(timer);
        held.push(chunk);
        timer = setTimeout(() => socket.write(Buffer.concat(held.splice(0))), 300);
      });
      server.on("close", () => socket.destroy());
    });
    install(sshd, "virt-ssh-helper", `exec nc -N -U ${echo.path}`);
    const uri = `qemu+ssh://root@127.0.0.1:${port}/system?proxy=native`;
    expect(await echoed({ uri, hostKey: sshd.hostKey })).toBe("hello");
  });

  test("a connection that falls silent is noticed by the deadline of the next channel", async () => {
    const port = await listen(passOn);
    const uri = `qemu+ssh://root@127.0.0.1:${port}/system?socket=${echo.path}`;
    const dialer = openDialer(options({ uri, hostKey: sshd.hostKey, timeout: 1 }));
    try {
      await dialer.dial();
      for (const socket of sockets) socket.unpipe().pause();
      await expect(dialer.dial()).rejects.toMatchObject({ code: "timeout", step: "open an ssh channel" });
    } finally {
      await dialer.close();
    }
  });

  test("a channel that opens when nobody waits for it any more is closed", async () => {
    const ends: { client: Socket; server: Socket }[] = [];
    const port = await listen((client) => ends.push({ client, server: passOn(client) }));
    const uri = `qemu+ssh://root@127.0.0.1:${port}/system?socket=${echo.path}`;
    const dialer = openDialer(options({ uri, hostKey: sshd.hostKey, timeout: 1 }));
    try {
      await dialer.dial();
      // Asked for, and answered too late.
      for (const { server } of ends) server.unpipe();
      await expect(dialer.dial()).rejects.toMatchObject({ code: "timeout", step: "open an ssh channel" });
      expect(await echo.connections()).toBe(2);
      for (const { client, server } of ends) server.pipe(client);
      const end = Date.now() + 5000;
      while ((await echo.connections()) > 1 && Date.now() < end) await sleep(20);
      expect(await echo.connections()).toBe(1);
    } finally {
      await dialer.close();
    }
  });

  test("a silent port is given up", async () => {
    const port = await listen((socket) => socket.pause());
    const uri = `qemu+ssh://root@127.0.0.1:${port}/system`;
    await expect(echoed({ uri, timeout: 0.3 })).rejects.toMatchObject({ code: "timeout" });
  });

  test("an unknown name is unreachable", async () => {
    const uri = "qemu+ssh://root@no-such-host.invalid/system";
    await expect(echoed({ uri })).rejects.toMatchObject({ code: "unreachable" });
  });
});
