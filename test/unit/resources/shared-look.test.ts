import type { Libvirt } from "../../../provider/libvirt/api";
import { SharedLook } from "../../../provider/resources/shared-look";

const host = "qemu:///system";
const connection = () => ({}) as Libvirt;

/** Looks that end when they are told to. */
function slowly() {
  const ends: ((answer: number | Error) => void)[] = [];
  const shared = new SharedLook<number>(
    () =>
      new Promise((resolve, reject) => {
        ends.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      }),
  );
  return { shared, ends };
}

test("who asks while a look is under way shares the next, which begins after the question", async () => {
  const { shared, ends } = slowly();
  const libvirt = connection();
  const first = shared.ask(libvirt, host);
  const later = [shared.ask(libvirt, host), shared.ask(libvirt, host)];
  expect(ends).toHaveLength(1);
  ends[0]?.(1);
  expect(await first).toBe(1);
  await new Promise(setImmediate);
  expect(ends).toHaveLength(2);
  const latest = shared.ask(libvirt, host);
  ends[1]?.(2);
  expect(await Promise.all(later)).toEqual([2, 2]);
  await new Promise(setImmediate);
  ends[2]?.(3);
  expect(await latest).toBe(3);
  await new Promise(setImmediate);
  const alone = shared.ask(libvirt, host);
  expect(ends).toHaveLength(4);
  ends[3]?.(4);
  expect(await alone).toBe(4);
});

test("a look that fails is no answer for those who asked later, and each connection has its own", async () => {
  const { shared, ends } = slowly();
  const [one, other] = [connection(), connection()];
  const failing = shared.ask(one, host);
  const next = shared.ask(one, host);
  const elsewhere = shared.ask(other, host);
  expect(ends).toHaveLength(2);
  ends[0]?.(new Error("gone"));
  await expect(failing).rejects.toThrow("gone");
  await new Promise(setImmediate);
  ends[1]?.(7);
  ends[2]?.(8);
  expect([await next, await elsewhere]).toEqual([8, 7]);
});
