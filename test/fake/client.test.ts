import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { type Connection, connect } from "../../provider/libvirt/connection";
import { ConnectionLost } from "../../provider/libvirt/errors";
import { encodeFrame, messageStatus, messageType, programs } from "../../provider/libvirt/frame";
import { TransportError } from "../../provider/transport/errors";
import { FakeDaemon, type Received, until } from "./fake-daemon";

const dom = { name: "db", uuid: "bbbbbbbb-0000-4000-8000-000000000001", id: -1 };
const vol = { pool: "p", name: "v", key: "" };
let daemon: FakeDaemon;
let connection: Connection;

beforeEach(async () => {
  daemon = new FakeDaemon();
  connection = await daemon.connect();
});

afterEach(() => connection.close());

const hostname = () => connection.call("CONNECT_GET_HOSTNAME", {});
const define = () => connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: "<domain/>", flags: 0 });

test("never more than four calls wait in one channel, and never more than four channels are opened", async () => {
  const waiting = daemon.collect();
  const calls = Array.from({ length: 40 }, hostname);
  await until(() => waiting.length >= 16);
  for (let count = 0; count < 100; count++) await turn();
  expect(daemon.lines).toHaveLength(4);
  for (const line of daemon.lines) expect(waiting.filter((call) => call.line === line)).toHaveLength(4);
  while (waiting.length > 0) {
    waiting.shift()?.answer({ hostname: "h" });
    await turn();
    await turn();
    for (const line of daemon.lines) expect(waiting.filter((call) => call.line === line).length).toBeLessThanOrEqual(4);
  }
  expect(await Promise.all(calls)).toHaveLength(40);
});

test("a host that gives no second channel is asked once, and the first one serves all", async () => {
  daemon.refusing = true;
  daemon.onReceived = (received) => received.answer({ hostname: "h" });
  expect(await Promise.all(Array.from({ length: 40 }, hostname))).toHaveLength(40);
  expect(daemon.dials).toBe(2);
});

test("replies in another order reach their callers, replies to nobody are dropped", async () => {
  const waiting = daemon.collect();
  const [first, second] = [hostname(), hostname()];
  await until(() => waiting.length === 2);
  waiting[1]?.answer({ hostname: "nobody's" }, 4711);
  waiting[1]?.answer({ hostname: "second" });
  waiting[0]?.answer({ hostname: "first" });
  expect([(await first).hostname, (await second).hostname]).toEqual(["first", "second"]);
});

test("what changes something is not sent again when the connection is lost before its answer", async () => {
  const waiting = daemon.collect();
  const call = define();
  await until(() => waiting.length === 1);
  waiting[0]?.line.hangUp();
  await expect(call).rejects.toMatchObject({ name: "ConnectionLost", sent: true });
  await expect(call).rejects.toThrow(/while DOMAIN_DEFINE_XML_FLAGS was under way/);
  expect(waiting).toHaveLength(1);
});

test("what only asks is asked once more, over a new channel", async () => {
  daemon.onReceived = (received) => received.line.hangUp();
  const lost = hostname();
  await expect(lost).rejects.toBeInstanceOf(ConnectionLost);
  expect(daemon.lines).toHaveLength(2);
  daemon.onReceived = (received) =>
    daemon.lines.length < 4 ? received.line.hangUp() : received.answer({ hostname: "back" });
  expect((await hostname()).hostname).toBe("back");
});

test("an error of the daemon keeps its number, and the channel goes on", async () => {
  daemon.onReceived = (received) => received.fail(42, "Domain not found");
  await expect(connection.call("DOMAIN_LOOKUP_BY_NAME", { name: "x" })).rejects.toMatchObject({
    code: 42,
    message: "Domain not found",
    procedure: "DOMAIN_LOOKUP_BY_NAME",
  });
  daemon.onReceived = (received) => received.answer({ hostname: "h" });
  expect((await hostname()).hostname).toBe("h");
  expect(daemon.lines).toHaveLength(1);
});

test("a call without an answer is given up, and its channel with it", async () => {
  daemon.collect();
  const stuck = connection.call("DOMAIN_GET_STATE", { dom, flags: 0 }, { timeout: 0.05 });
  await expect(stuck).rejects.toThrow(/DOMAIN_GET_STATE was not answered within 0.05 s/);
  daemon.onReceived = (received) => received.answer({ hostname: "h" });
  expect((await hostname()).hostname).toBe("h");
  expect(daemon.lines).toHaveLength(2);
});

test.each<[string, Buffer, RegExp]>([
  ["garbage", Buffer.from("SSH-2.0-OpenSSH_9.2 and more of it"), /does not speak libvirt's protocol.*SSH-2.0/],
  ["a message of no possible length", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]), /libvirt's protocol/],
])("%s ends the channel and says what came", async (_what, bytes, text) => {
  daemon.onReceived = (received) => received.line.raw(bytes);
  await expect(define()).rejects.toThrow(text);
});

test("a message that is cut off by the end is a lost connection", async () => {
  daemon.onReceived = (received) => {
    const reply = { ...received.frame, type: messageType.reply, payload: Buffer.alloc(100) };
    received.line.raw(encodeFrame(reply).subarray(0, 60));
    received.line.hangUp();
  };
  await expect(define()).rejects.toMatchObject({ name: "ConnectionLost", sent: true });
});

test("a reply that comes byte by byte is one reply", async () => {
  daemon.onReceived = (received) => {
    if (received.name !== "CONNECT_GET_HOSTNAME") return;
    const payload = Buffer.from([0, 0, 0, 1, 0x68, 0, 0, 0]);
    for (const byte of encodeFrame({ ...received.frame, type: messageType.reply, payload })) {
      received.line.raw(Buffer.from([byte]));
    }
  };
  expect((await hostname()).hostname).toBe("h");
});

test("a daemon that wants SASL is told from one that cannot be reached, with a way on for its unix socket as well", async () => {
  daemon.silent = true;
  daemon.onReceived = (received) => received.answer({ types: [1] });
  const opening = connect({ uri: "qemu:///system", driverUri: daemon.driverUri, dialer: daemon });
  await expect(opening).rejects.toThrow(/wants SASL.*over ssh.*auth_unix_rw = "none"/);
});

test("a daemon that takes the line and says nothing is given up at the opening", async () => {
  const mute = new FakeDaemon();
  mute.onReceived = (received) => received.line.hangUp();
  mute.silent = true;
  await expect(connect({ uri: "qemu+ssh://h/system", driverUri: mute.driverUri, dialer: mute })).rejects.toBeInstanceOf(
    ConnectionLost,
  );
});

test("a daemon whose workers all hang is given up at the opening, though it answers keepalive", async () => {
  const stuck = new FakeDaemon();
  stuck.silent = true;
  stuck.breathing = true;
  const answers = { AUTH_LIST: { types: [0] }, CONNECT_OPEN: {}, CONNECT_GET_LIB_VERSION: { libVersion: 9_000_000n } };
  stuck.onReceived = (received) => {
    const answer = answers[received.name as keyof typeof answers];
    if (answer) received.answer(answer);
  };
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"] });
  try {
    const opening = connect({ uri: "qemu+ssh://h/system", driverUri: stuck.driverUri, dialer: stuck });
    const told = expect(opening).rejects.toMatchObject({
      message: expect.stringMatching(/CONNECT_GET_CAPABILITIES was not answered within 300 s/),
      remedy: expect.stringMatching(/hangs or ends/),
    });
    await Promise.all([told, jest.advanceTimersByTimeAsync(301_000)]);
  } finally {
    jest.useRealTimers();
  }
});

test("a daemon that has all the clients it takes is told from one that may have done something", async () => {
  daemon.silent = true;
  const upload = connection.upload(vol, Readable.from([]));
  await until(() => daemon.lines.length === 2);
  daemon.lines[1]?.hangUp();
  await expect(upload).rejects.toMatchObject({
    name: "ConnectionLost",
    sent: false,
    remedy: expect.stringMatching(/max_clients/),
  });
});

test("a way to the daemon that breaks at the opening says nothing of the daemon", async () => {
  daemon.silent = true;
  const upload = connection.upload(vol, Readable.from([]));
  await until(() => daemon.lines.length === 2);
  const details = { step: "keep the ssh connection", host: "root@h", reason: "it was closed" };
  daemon.lines[1]?.client.destroy(new TransportError("unreachable", details));
  await expect(upload).rejects.toMatchObject({ name: "ConnectionLost", sent: false, remedy: undefined });
});

test("another machine behind the name is refused when the channel is opened anew", async () => {
  const expectedHostUuid = "cccccccc-0000-4000-8000-000000000001";
  const options = { uri: "qemu+ssh://h/system", driverUri: daemon.driverUri, dialer: daemon, expectedHostUuid };
  await expect(connect(options)).rejects.toMatchObject({ name: "WrongHost", expected: expectedHostUuid });
});

test("a host that went out of reach is a lost connection, with what to do about it", async () => {
  daemon.refusing = true;
  await expect(connection.upload(vol, Readable.from([]))).rejects.toMatchObject({
    name: "ConnectionLost",
    sent: false,
    message: "cannot connect on a fake daemon: connection refused",
    remedy: "start the daemon.",
  });
});

test("a host that is gone is waited for once, and again after as long a time, not by each call in turn", async () => {
  // Whole, so that sums of it are exact.
  let now = Math.ceil(performance.now());
  const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
  // Somebody sets the clock of this machine back meanwhile.
  const wall = jest.spyOn(Date, "now").mockImplementation(() => 3_600_000 - now);
  daemon.refusing = true;
  daemon.lines[0]?.hangUp();
  const lost = expect(hostname()).rejects.toMatchObject({ name: "ConnectionLost", sent: false });
  await until(() => daemon.dials === 2);
  now += 15_000;
  await lost;
  const { dials } = daemon;
  await expect(Promise.all([hostname(), hostname()])).rejects.toThrow(/connection refused/);
  expect(daemon.dials).toBe(dials);
  now += 15_000;
  daemon.refusing = false;
  daemon.onReceived = (received) => received.answer({ hostname: "h" });
  expect(await hostname()).toEqual({ hostname: "h" });
  for (const mock of [clock, wall]) mock.mockRestore();
});

test("a channel that gives no events is closed", async () => {
  daemon.onReceived = (received) => received.fail(3, "no events here");
  await expect(connection.onDomainEvent(() => undefined)).rejects.toThrow(/no events here/);
  expect(daemon.lines.map(({ client }) => client.destroyed)).toEqual([false, true]);
});

test("events are listened for again when the daemon is back, not only at once", async () => {
  const registered: Received[] = [];
  daemon.onReceived = (received) => {
    registered.push(received);
    received.answer({ callbackID: 1 });
  };
  await connection.onDomainEvent(() => undefined);
  const all = registered.length;
  daemon.refusing = true;
  const { dials } = daemon;
  daemon.lines[1]?.hangUp();
  await until(() => daemon.dials > dials);
  daemon.refusing = false;
  const end = Date.now() + 5000;
  while (registered.length < 2 * all && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(registered).toHaveLength(2 * all);
});

test("closing rejects what waits, in the queue as well as under way", async () => {
  daemon.collect();
  const outcomes = Array.from({ length: 40 }, () => hostname().catch((error: unknown) => error));
  await until(() => daemon.lines.length === 4);
  await connection.close();
  for (const outcome of await Promise.all(outcomes)) expect(outcome).toBeInstanceOf(ConnectionLost);
});

test("who waits for a host that is gone is told at once when the connection is closed", async () => {
  daemon.refusing = true;
  daemon.lines[0]?.hangUp();
  let outcome: unknown;
  const lost = hostname().catch((error: unknown) => {
    outcome = error;
  });
  await until(() => daemon.dials === 2);
  await connection.close();
  for (let count = 0; count < 20; count++) await turn();
  expect(outcome).toBeInstanceOf(ConnectionLost);
  await lost;
});

test("keepalive of the daemon is answered", async () => {
  const [line] = daemon.lines;
  const sent: Buffer[] = [];
  const write = line?.client.write.bind(line.client);
  jest.spyOn(line?.client ?? fail(), "write").mockImplementation((chunk: Buffer) => {
    sent.push(chunk);
    return write?.(chunk) ?? true;
  });
  const header = { program: programs.keepalive, type: messageType.message, serial: 0, status: messageStatus.ok };
  line?.send({ ...header, procedure: 1, payload: Buffer.alloc(0) });
  await until(() => sent.length === 1);
  expect(sent[0]?.readUInt32BE(12)).toBe(2);
});

function fail(): never {
  throw new Error("the client has no line");
}
