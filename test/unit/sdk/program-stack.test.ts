import { leaveOutPromises } from "../../../sdk/program-stack";

// Its declarations leave it out.
const { debuggablePromise } = jest.requireActual<{
  debuggablePromise(promise: Promise<unknown>, label: string): Promise<unknown>;
}>("@pulumi/pulumi/runtime/debuggable");

const variable = "PULUMI_DEBUG_PROMISE_LEAKS";
const mapped = "with lines of source maps";

/** The stack that Pulumi notes with a promise. */
async function noted(): Promise<unknown> {
  const promise = Promise.resolve();
  await debuggablePromise(promise, "a promise");
  return (promise as { _debugStackTrace?: unknown })._debugStackTrace;
}

describe("stacks that Pulumi notes with its promises", () => {
  const { prepareStackTrace } = Error;
  beforeEach(() => {
    Error.prepareStackTrace = () => mapped;
  });
  afterEach(() => {
    Error.prepareStackTrace = prepareStackTrace as NonNullable<typeof prepareStackTrace>;
    delete process.env[variable];
  });

  test("are left out, and those of errors are not", async () => {
    leaveOutPromises();
    expect(await noted()).toBe("");
    expect(new Error("of the program").stack).toBe(mapped);
  });

  test("are there for who looks for leaks", async () => {
    process.env[variable] = "1";
    leaveOutPromises();
    expect(await noted()).toBe(mapped);
  });
});
