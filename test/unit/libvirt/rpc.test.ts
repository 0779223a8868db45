import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { Link } from "../../../provider/libvirt/link";
import { RpcChannel } from "../../../provider/libvirt/rpc";

/** A line that keeps what is written to it, each write for itself; `take` says when the next may follow. */
function line(link?: Link, take: (done: () => void) => void = (done) => done()) {
  const writes: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk);
      take(done);
    },
  });
  return { writes, channel: new RpcChannel(socket, "a line", link) };
}

test("calls of one turn leave in one write, in their order", async () => {
  const { writes, channel } = line();
  const calls = ["CONNECT_GET_HOSTNAME", "CONNECT_GET_VERSION", "CONNECT_GET_LIB_VERSION"] as const;
  for (const name of calls) channel.start(name, {}).reply.catch(() => undefined);
  await turn();
  expect(writes).toHaveLength(1);
  const serials = [0, 1, 2].map((index) => writes[0]?.readUInt32BE(index * 28 + 20));
  expect(serials).toEqual([1, 2, 3]);
  channel.destroy(new Error("the test is over"));
});

test("a large packet of a stream waits for nobody, is not copied, and leaves after what was called before it", () => {
  const { writes, channel } = line();
  channel.start("CONNECT_GET_HOSTNAME", {}).reply.catch(() => undefined);
  const payload = Buffer.alloc(256 * 1024);
  void channel.sendStream(1, 7, 2, payload);
  expect(writes[2]).toBe(payload);
  expect(writes.map((bytes) => bytes.length)).toEqual([28, 28, 256 * 1024]);
  expect(writes.slice(0, 2).map((bytes) => bytes.readUInt32BE(20))).toEqual([1, 7]);
  channel.destroy(new Error("the test is over"));
});

test("a daemon that is silent for half a minute is given up, but not while we take nothing ourselves", () => {
  jest.useFakeTimers();
  const { channel } = line();
  channel.pause();
  jest.advanceTimersByTime(120_000);
  expect(channel.isOpen).toBe(true);
  channel.resume();
  jest.advanceTimersByTime(40_000);
  expect(channel.isOpen).toBe(false);
  jest.useRealTimers();
});

test("an upload that leaves slowly is not given up, one of which nothing leaves any more is", () => {
  jest.useFakeTimers();
  const link = new Link();
  let stopped = false;
  const { channel } = line(link, (done) => {
    if (!stopped) setTimeout(done, 8000);
  });
  void link.upload(() => new Promise(() => undefined));
  for (let count = 0; count < 20; count++) void channel.sendStream(1, 7, 2, Buffer.alloc(256 * 1024));
  jest.advanceTimersByTime(120_000);
  expect(channel.isOpen).toBe(true);
  stopped = true;
  jest.advanceTimersByTime(50_000);
  expect(channel.isOpen).toBe(false);
  jest.useRealTimers();
});
