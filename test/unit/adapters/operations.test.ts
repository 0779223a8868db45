import { Operations } from "../../../provider/adapters/operations";

/** An operation that ends when it is told to, with the reason. */
const endless = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("an operation that takes longer than customTimeouts allows hears so", async () => {
  const operations = new Operations(async () => undefined);
  await expect(operations.run(0.01, endless)).rejects.toThrow("the 0.01 s that customTimeouts gives it are over");
});

test("a limit of more days than a timer has is none that is over at once", async () => {
  const ends = async (signal: AbortSignal) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return signal.aborted;
  };
  expect(await new Operations(async () => undefined).run(30 * 24 * 3600, ends)).toBe(false);
});

test("one that ends in time leaves no timer behind", async () => {
  jest.useFakeTimers();
  try {
    await new Operations(async () => undefined).run(60, async () => undefined);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
