import { randomBytes } from "node:crypto";
import { getEventListeners, once } from "node:events";
import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Connection } from "../../provider/libvirt/connection";
import { ConnectionLost } from "../../provider/libvirt/errors";
import { messageStatus, messageType } from "../../provider/libvirt/frame";
import { FakeDaemon, type Received, until } from "./fake-daemon";

const vol = { pool: "p", name: "v", key: "" };
let daemon: FakeDaemon;
let connection: Connection;

beforeEach(async () => {
  daemon = new FakeDaemon();
  connection = await daemon.connect();
});

afterEach(() => connection.close());

test("an upload that the daemon breaks off fails with the daemon's words", async () => {
  let packets = 0;
  daemon.onReceived = (received) => {
    if (received.frame.type === messageType.call) received.answer({});
    else if (++packets === 3) received.fail(38, "cannot write: No space left on device", messageType.stream);
  };
  async function* content(): AsyncGenerator<Buffer> {
    for (;;) yield randomBytes(1024 * 1024);
  }
  await expect(connection.upload(vol, content())).rejects.toThrow(/No space left on device/);
});

test("an upload that the daemon takes nothing of ends when it is cancelled", async () => {
  const stop = new AbortController();
  const waiting = daemon.collect();
  const upload = connection.upload(vol, Readable.from([randomBytes(100)]), { signal: stop.signal });
  await until(() => waiting.length === 1);
  waiting[0]?.answer({});
  await until(() => waiting.some(({ frame }) => frame.type === messageType.stream && frame.payload.length === 0));
  stop.abort(new Error("the deployment was cancelled"));
  await expect(upload).rejects.toThrow("the deployment was cancelled");
});

test.each([
  ["an upload", (signal: AbortSignal) => connection.upload(vol, Readable.from([]), { signal })],
  ["a download", (signal: AbortSignal) => connection.download(vol, { signal })],
])("%s that is cancelled while its channel is dialled or opened ends at once", async (_what, begin) => {
  const dial = new AbortController();
  const ended = (signal?: AbortSignal) =>
    once(signal ?? new EventTarget(), "abort").then(() => Promise.reject(signal?.reason));
  jest.spyOn(daemon, "dial").mockImplementationOnce(ended as FakeDaemon["dial"]);
  const dialling = begin(dial.signal);
  dial.abort(new Error("the deployment was cancelled"));
  await expect(dialling).rejects.toThrow("the deployment was cancelled");

  daemon.silent = true;
  const cancel = new AbortController();
  const opening = begin(cancel.signal);
  await until(() => daemon.lines.length === 2);
  cancel.abort(new Error("the deployment was cancelled"));
  await expect(opening).rejects.toThrow("the deployment was cancelled");
  expect(daemon.lines[1]?.client.destroyed).toBe(true);
});

test("transfers that are over leave nothing on the signal of the operation", async () => {
  daemon.onReceived = (received) => {
    const { frame, line } = received;
    if (frame.type === messageType.call) received.answer({});
    else line.send({ ...frame, payload: Buffer.alloc(0) });
    if (received.name === "STORAGE_VOL_DOWNLOAD" && frame.type === messageType.call)
      line.send({ ...frame, type: messageType.stream, status: messageStatus.continue, payload: Buffer.alloc(0) });
  };
  const { signal } = new AbortController();
  await connection.upload(vol, Readable.from([Buffer.alloc(8)]), { signal });
  const content = await connection.download(vol, { signal });
  expect(await content.toArray()).toEqual([]);
  await until(() => content.destroyed);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("an upload whose line is lost reads no more of its source", async () => {
  daemon.onReceived = (received) => {
    if (received.frame.type === messageType.call) received.answer({});
    else received.line.hangUp();
  };
  let read = 0;
  async function* content(): AsyncGenerator<Buffer> {
    for (; read < 1000; read++) {
      yield randomBytes(100);
      await turn();
    }
  }
  await expect(connection.upload(vol, content())).rejects.toBeInstanceOf(ConnectionLost);
  expect(read).toBeLessThan(100);
});

test("an upload over a line that goes dead says that it was cut off", async () => {
  daemon.onReceived = (received) => {
    if (received.frame.type === messageType.call) received.answer({});
    else received.line.hangUp();
  };
  async function* content(): AsyncGenerator<Buffer> {
    for (;;) yield randomBytes(1024 * 1024);
  }
  await expect(connection.upload(vol, content())).rejects.toBeInstanceOf(ConnectionLost);
});

test("what waits behind an upload on a slow link is not given up as early as else", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick"] });
  const slow = await daemon.connect();
  try {
    const waiting = daemon.collect();
    const call = () => slow.call("CONNECT_GET_HOSTNAME", {}).then(({ hostname }) => hostname, String);
    const uploaded = slow.upload(vol, Readable.from([Buffer.alloc(8)]));
    await until(() => waiting.length === 1);
    const behind = call();
    await until(() => waiting.length === 2);
    await jest.advanceTimersByTimeAsync(280_000);
    waiting[1]?.answer({ hostname: "h" });
    expect(await behind).toBe("h");
    waiting[0]?.fail(9, "no such volume");
    await expect(uploaded).rejects.toThrow("no such volume");
  } finally {
    jest.useRealTimers();
    await slow.close();
  }
});

test("a download over a line that goes dead fails at its beginning and later on", async () => {
  const waiting = daemon.collect();
  const refused = connection.download(vol);
  await until(() => waiting.length === 1);
  waiting[0]?.line.hangUp();
  await expect(refused).rejects.toMatchObject({ name: "ConnectionLost" });

  const opened = connection.download(vol);
  await until(() => waiting.length === 2);
  waiting[1]?.answer({});
  const content = await opened;
  waiting[1]?.line.hangUp();
  await until(() => content.destroyed);
  await expect(content.toArray()).rejects.toThrow(/is lost/);
});

test("a download that is cancelled before it has begun is none, and its channel goes", async () => {
  const waiting = daemon.collect();
  const signal = AbortSignal.abort(new Error("the deployment was cancelled"));
  await expect(connection.download(vol, { signal })).rejects.toThrow("the deployment was cancelled");
  expect(waiting).toHaveLength(0);
  expect(daemon.lines[1]?.client.destroyed).toBe(true);
});

test("a download that is cancelled as it begins says so, not that the connection is lost", async () => {
  const waiting = daemon.collect();
  const cancel = new AbortController();
  const opened = connection.download(vol, { signal: cancel.signal });
  await until(() => waiting.length === 1);
  cancel.abort(new Error("the deployment was cancelled"));
  await expect(opened).rejects.toThrow("the deployment was cancelled");
});

test("a hole is read piece by piece, however long it is, and what follows comes after it", async () => {
  const waiting = daemon.collect();
  const opened = connection.download(vol, { sparse: true });
  await until(() => waiting.length === 1);
  const { frame, line } = waiting[0] as Received;
  const send = (type: number, payload: Buffer) =>
    line.send({ ...frame, type, status: messageStatus.continue, payload });
  const hole = (length: bigint) => {
    const payload = Buffer.alloc(12);
    payload.writeBigInt64BE(length);
    send(messageType.streamHole, payload);
  };
  waiting[0]?.answer({});
  hole(2n ** 21n + 5n);
  send(messageType.stream, Buffer.from("data"));
  hole(2n ** 40n);
  const content = await opened;
  let [length, tail] = [0, ""];
  for await (const chunk of content as AsyncIterable<Buffer>) {
    if (chunk.some((byte) => byte !== 0)) tail = `${length} ${chunk}`;
    length += chunk.length;
    expect(content.readableLength).toBeLessThan(2 ** 21);
    if (length > 2 ** 23) break;
  }
  expect(tail).toBe(`${2 ** 21 + 5} data`);
});
