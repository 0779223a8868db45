import { ExecSlots } from "../../../provider/transport/exec-slots";

/** What a server says that opens no more channels. */
const full = new Error("open failed");
const isFull = (error: unknown) => error === full;
const refused = () => Promise.reject(full);

/** Slots that have learned that the server opens no more than one channel at a time; none is open. */
async function single(): Promise<ExecSlots> {
  const slots = new ExecSlots();
  const release = await slots.tryOpen(async (free) => free, isFull);
  await slots.tryOpen(refused, isFull);
  release?.();
  return slots;
}

test("who waits while an attempt is under way has its turn when that is refused", async () => {
  const slots = await single();
  const attempt = slots.tryOpen(() => new Promise((_, reject) => setImmediate(reject, full)), isFull);
  const waiting = slots.open(async () => "opened", isFull, AbortSignal.timeout(1000));
  expect(await Promise.all([attempt, waiting])).toEqual([undefined, "opened"]);
});

test("all who wait hear of it when the server is believed to open none", async () => {
  const slots = await single();
  const open = () => slots.open(refused, isFull, AbortSignal.timeout(1000));
  const all = await Promise.allSettled(Array.from({ length: 20 }, open));
  expect(all).toEqual(all.map(() => ({ status: "rejected", reason: full })));
});
