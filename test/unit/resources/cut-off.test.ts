import { KvmError } from "../../../provider/core/errors";
import { isHalfDone, orTakeBack } from "../../../provider/resources/cut-off";

const step = { step: "update StoragePool vms", host: "qemu:///system" };
const refused = new KvmError("conflict", { step: "start StoragePool vms", reason: "it is busy", remedy: "wait" });
const fails = (error: Error) => () => Promise.reject(error);
const works = () => Promise.resolve();

async function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("an update that is taken back says so beside what failed", async () => {
  const error = await failureOf(orTakeBack(step, fails(refused), works));
  expect(error).toMatchObject({ code: "conflict", details: { step: "start StoragePool vms", remedy: "wait" } });
  expect(error).toHaveProperty("details.reason", "it is busy; the former definition is in force again");
  expect(isHalfDone(error)).toBe(false);
});

test("one that cannot be taken back may be anything, and tells both failures", async () => {
  const error = await failureOf(orTakeBack(step, fails(new Error("bad luck")), fails(refused)));
  const reason = "bad luck; putting the former definition back failed too: it is busy";
  expect(error).toMatchObject({ code: "internal", details: { ...step, reason } });
  expect(isHalfDone(error)).toBe(true);
  const told = await failureOf(orTakeBack(step, fails(refused), fails(new Error("bad luck"))));
  expect(told).toHaveProperty("details.remedy", expect.stringMatching(/^wait\n +Then run pulumi up again/));
});

test("where the connection is lost nothing is taken back", async () => {
  const lost = new KvmError("connection-lost", { ...step, reason: "it is gone" });
  const back = jest.fn(works);
  expect(await failureOf(orTakeBack(step, fails(lost), back))).toBe(lost);
  expect(back).not.toHaveBeenCalled();
});
