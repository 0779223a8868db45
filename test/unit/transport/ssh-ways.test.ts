import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type HostDialer, openDialer } from "../../../provider/transport/open";
import { type EchoServer, install, type Sshd, type SshdSettings, startEcho, startSshd } from "./sshd";

// Real ssh clients and servers, on a machine that may be busy.
jest.setTimeout(30_000);

let sshd: Sshd;
let echo: EchoServer;
let dialers: HostDialer[] = [];

/** A server with an echo server at the daemon's place, seen by every way. */
async function start(settings: SshdSettings = {}): Promise<void> {
  sshd = await startSshd(settings);
  echo = await startEcho(join(sshd.runtime, "libvirt-sock"));
}

afterEach(async () => {
  for (const dialer of dialers) await dialer.close();
  dialers = [];
  await echo.stop();
  await sshd.stop();
});

function open(parameters: Readonly<Record<string, string>> = {}): HostDialer {
  const { identityFile, knownHosts } = sshd;
  const dialer = openDialer({ uri: sshd.uri(parameters), identityFile, knownHosts, sshConfig: "none", timeout: 10 });
  dialers.push(dialer);
  return dialer;
}

async function echoes(stream: Duplex, word = "hello"): Promise<void> {
  stream.write(word);
  const [chunk] = await once(stream, "data");
  expect(String(chunk)).toBe(word);
}

const WITH_HELPER = 'printf x >> "$(dirname "$0")/../helper-runs"; exec nc -N -U /run/libvirt/libvirt-sock';

test("virt-ssh-helper comes first, and is probed once", async () => {
  await start({ config: ["AllowStreamLocalForwarding no"], programs: ["sh", "nc", "dirname"] });
  install(sshd, "virt-ssh-helper", WITH_HELPER);
  const dialer = open();
  for (let i = 0; i < 3; i++) await echoes(await dialer.dial(), `word ${i}`);
  const runs = readFileSync(join(sshd.folder, "helper-runs"), "utf8");
  expect(runs).toBe("xxxx");
});

test("without virt-ssh-helper a channel to the socket serves", async () => {
  await start({ programs: ["sh"] });
  await echoes(await open().dial());
});

test("without helper and socket channels netcat serves", async () => {
  await start({ config: ["AllowStreamLocalForwarding no"], programs: ["sh", "nc"] });
  await echoes(await open().dial());
});

test("when every way fails each is named with its reason", async () => {
  await start({ config: ["AllowStreamLocalForwarding no"], programs: ["sh"] });
  install(sshd, "virt-ssh-helper", "echo \"virt-ssh-helper: cannot connect to '/x': Permission denied\" >&2; exit 1");
  const failure = await open()
    .dial()
    .catch((error) => error);
  expect(failure.code).toBe("refused");
  expect(failure.reason).toContain("cannot connect to '/x': Permission denied (exit status 1)");
  expect(failure.reason).toContain("channel to /var/run/libvirt/virtqemud-sock");
  expect(failure.reason).toContain("netcat: ");
  expect(failure.remedy).toContain("group libvirt");
});

test("a noisy login shell is told apart and gone around", async () => {
  await start();
  const noise = join(sshd.bin, "noisy-shell");
  writeFileSync(noise, '#!/bin/sh\necho "hello from .bashrc"\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n', {
    mode: 0o755,
  });
  await sshd.restart([`ForceCommand ${noise}`]);
  install(sshd, "virt-ssh-helper", WITH_HELPER);
  await echoes(await open().dial());
  const failure = await open({ proxy: "helper" })
    .dial()
    .catch((error) => error);
  expect(failure.reason).toContain('the remote shell printed "hello from .bashrc"');
});

test("a login shell that hangs does not hide what the sockets said", async () => {
  await start({ config: ["AllowStreamLocalForwarding no", "ForceCommand sleep 5"] });
  const { identityFile, knownHosts } = sshd;
  const dialer = openDialer({ uri: sshd.uri(), identityFile, knownHosts, sshConfig: "none", timeout: 2 });
  dialers.push(dialer);
  const failure = await dialer.dial().catch((error) => error);
  expect(failure.code).toBe("refused");
  expect(failure.reason).toMatch(/channel to \S+-sock: .*helper: no answer within 2 s; the login shell may hang$/);
  expect(failure.remedy).toMatch(/AllowStreamLocalForwarding.*ForceCommand.*virtqemud\.socket/);
});

test("an account without a shell reaches the daemon by a channel", async () => {
  await start({ config: ["ForceCommand /usr/sbin/nologin"] });
  await echoes(await open().dial());
});

test("the explicit way is the only one tried", async () => {
  await start({ config: ["AllowStreamLocalForwarding no"], programs: ["sh", "nc"] });
  await expect(open({ proxy: "streamlocal" }).dial()).rejects.toMatchObject({ code: "refused" });
  await echoes(await open({ proxy: "netcat" }).dial());
});

test("MaxSessions 4 with 32 dials: they wait for their turn and none fails", async () => {
  await start({ config: ["MaxSessions 4", "AllowStreamLocalForwarding no"], programs: ["sh", "nc", "dirname"] });
  install(sshd, "virt-ssh-helper", WITH_HELPER);
  const dialer = open();
  let most = 0;
  await Promise.all(
    Array.from({ length: 32 }, async (_, i) => {
      const stream = await dialer.dial();
      await echoes(stream, `word ${i}`);
      most = Math.max(most, await echo.connections());
      stream.destroy();
      await once(stream, "close");
    }),
  );
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(5);
});

test("MaxSessions 2 with streams that last: what has no place in the login gets a further one", async () => {
  await start({ config: ["MaxSessions 2", "AllowStreamLocalForwarding no"], programs: ["sh", "nc", "dirname"] });
  install(sshd, "virt-ssh-helper", WITH_HELPER);
  const dialer = open();
  const streams = [];
  for (let i = 0; i < 5; i++) streams.push(await dialer.dial());
  await Promise.all(streams.map((stream, i) => echoes(stream, `word ${i}`)));
  const closed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("close", resolve))));
  await dialer.close();
  await closed;
});

test("where channels to sockets are allowed MaxSessions does not hold back 32 dials", async () => {
  await start({ config: ["MaxSessions 2"], programs: ["sh", "nc", "dirname"] });
  install(sshd, "virt-ssh-helper", WITH_HELPER);
  const dialer = open();
  const streams = await Promise.all(Array.from({ length: 32 }, () => dialer.dial()));
  await Promise.all(streams.map((stream, i) => echoes(stream, `word ${i}`)));
});

test.each(["helper", "streamlocal", "netcat"])(
  "%s carries 16 MiB both ways unharmed and ends in good order",
  async (proxy) => {
    await start({ programs: ["sh", "nc", "dirname"] });
    install(sshd, "virt-ssh-helper", WITH_HELPER.replace("-U", "-N -U"));
    const stream = await open({ proxy }).dial();
    const data = randomBytes(16 * 1024 * 1024);
    const back = createHash("sha256");
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      back.update(chunk);
      size += chunk.length;
      if (size === data.length) stream.end();
    });
    stream.write(data);
    while (size < data.length) await once(stream, "data");
    expect(back.digest("hex")).toBe(createHash("sha256").update(data).digest("hex"));
    stream.destroy();
  },
);

test("a helper that dies breaks its stream with its own words", async () => {
  await start({ programs: ["sh", "nc", "dirname"] });
  install(sshd, "virt-ssh-helper", 'if read line; then echo "daemon went away" >&2; exit 3; fi');
  const stream = await open({ proxy: "helper" }).dial();
  stream.resume().write("word\n");
  const [error] = await once(stream, "error");
  expect(error).toMatchObject({ code: "refused", reason: expect.stringContaining("daemon went away (exit status 3)") });
});

test("a lost connection breaks its streams, and the next dial logs in anew", async () => {
  await start({ programs: ["sh", "nc"] });
  const dialer = open();
  const stream = await dialer.dial();
  await echoes(stream);
  const broken = once(stream, "error");
  sshd.dropConnections();
  expect(await broken).toMatchObject([{ code: "unreachable" }]);
  await echoes(await dialer.dial());
});

test("a daemon that comes back on another socket is found again", async () => {
  await start({ programs: ["sh"] });
  const dialer = open();
  await echoes(await dialer.dial());
  await echo.stop();
  await expect(dialer.dial()).rejects.toMatchObject({ code: "refused" });
  echo = await startEcho(join(sshd.runtime, "virtqemud-sock"));
  await echoes(await dialer.dial());
});

test("an aborted dial rejects with the signal's reason and leaves the others alone", async () => {
  await start({ programs: ["sh"] });
  const dialer = open();
  const reason = new Error("not needed any more");
  const [aborted, kept] = await Promise.allSettled([dialer.dial(AbortSignal.abort(reason)), dialer.dial()]);
  expect(aborted).toEqual({ status: "rejected", reason });
  expect(kept.status).toBe("fulfilled");
  await dialer.close();
  await expect(dialer.dial()).rejects.toMatchObject({ reason: "the dialer was closed" });
});
