import { z } from "../../../provider/core/attribute";
import { faultsOf } from "../../../provider/core/faults";

const wait = z.union([
  z.literal(false),
  z.strictObject({ timeout: z.string(), nic: z.string().optional(), family: z.enum(["ipv4", "ipv6"]).optional() }),
]);

/** What a user reads about the value of `wait`. */
function told(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return faultsOf(error?.issues ?? [], value, ["wait"]).map(({ property, reason }) => `${property}: ${reason}`);
}

test.each([
  ["a value of no form names them all", wait, true, ["wait: expected false, or expected object, received boolean"]],
  [
    "a value of one form is told what is wrong in it",
    wait,
    { timeout: "1 s", family: "ipx" },
    ['wait.family: expected one of "ipv4"|"ipv6"'],
  ],
  [
    "a key that is unknown stands in the path, and one that is missing is required",
    wait,
    { timeot: "1 s" },
    ["wait.timeout: is required", 'wait.timeot: unknown attribute; did you mean "timeout"?'],
  ],
  [
    "a key of a form of its own is told what is wrong with it",
    z.record(z.string().regex(/^\d+$/, "must be a number"), z.string()),
    { a: "0" },
    ["wait.a: the name must be a number"],
  ],
  [
    "entries of lists are numbered",
    z.array(z.strictObject({ id: z.int() })),
    [{ id: 1 }, { id: "a" }],
    ["wait[1].id: expected number, received string"],
  ],
])("%s", (_name, schema, value, wanted) => {
  expect(told(schema, value)).toEqual(wanted);
});
