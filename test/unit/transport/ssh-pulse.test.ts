import { PassThrough } from "node:stream";
import { Pulse } from "../../../provider/transport/ssh-pulse";

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

test("a server is dead when nothing at all came from it for 30 s", () => {
  const transport = new PassThrough();
  const ends: string[] = [];
  new Pulse().watch(transport, ({ message }) => ends.push(message));
  for (let count = 0; count < 10; count++) {
    jest.advanceTimersByTime(29_000);
    transport.emit("data", Buffer.alloc(1));
  }
  expect(ends).toEqual([]);
  jest.advanceTimersByTime(200_000);
  expect(ends).toEqual(["the server did not answer for 30 s"]);
});

test("a connection that ended is not watched any more", () => {
  const transport = new PassThrough();
  new Pulse().watch(transport, () => undefined);
  transport.emit("close");
  expect(jest.getTimerCount()).toBe(0);
});

test("a wait is as long as it says, longer while an upload fills the link, and never without an end", () => {
  const pulse = new Pulse();
  const ends: string[] = [];
  pulse.timer(20, () => ends.push("quiet"));
  jest.advanceTimersByTime(20_000);
  expect(ends).toEqual(["quiet"]);

  const cancel = pulse.timer(20, () => ends.push("called off"));
  pulse.timer(20, () => ends.push("busy"));
  const uploading = setInterval(() => pulse.count(32 * 1024), 1000);
  jest.advanceTimersByTime(290_000);
  expect(ends).toEqual(["quiet"]);
  cancel();
  jest.advanceTimersByTime(20_000);
  expect(ends).toEqual(["quiet", "busy"]);
  clearInterval(uploading);
});
