import type { Change } from "../../../../provider/core/diff";
import { KvmError } from "../../../../provider/core/errors";
import { LibvirtError } from "../../../../provider/libvirt/errors";
import { diskEntries } from "../../../../provider/resources/virtual-machine/disk-entries";
import type { Domain } from "../../../../provider/resources/virtual-machine/domain";
import { Operation } from "../../../../provider/resources/virtual-machine/live";
import { isGuestRefusal } from "../../../../provider/resources/virtual-machine/refusal";
import { parse } from "../../../../provider/schema/tree";
import { handlerContext } from "../../../lab/handler-context";

const document = parse(
  "<domain><devices><disk type='file' device='cdrom'><target dev='sda'/><alias name='ua-disk-seed'/></disk></devices></domain>",
);
const closed = [
  "unable to execute QEMU command 'blockdev-remove-medium': Tray of device 'ua-disk-seed' is not open",
  "unable to execute QEMU command 'blockdev-insert-medium': Tray of the device is not open",
];

function refused(message: string): KvmError {
  const cause = new LibvirtError(1, 10, message, "DOMAIN_UPDATE_DEVICE_FLAGS");
  return new KvmError("internal", { step: "change a disk", reason: message, cause });
}

/** Exchanges a medium with a libvirt that gives these answers one after another, the last of them for ever. */
async function exchange(...answers: (string | undefined)[]) {
  const calls: boolean[] = [];
  const domain = {
    liveInFull: async () => document,
    async updateDevice(_device: unknown, force: boolean) {
      calls.push(force);
      const message = answers.length > 1 ? answers.shift() : answers[0];
      if (message !== undefined) throw refused(message);
    },
  } as unknown as Domain;
  const context = handlerContext();
  const change = { path: ["disks", "seed", "volume"] } as unknown as Change;
  const failure = await new Operation(domain, change, document, context)
    .changeMedium(diskEntries, () => undefined)
    .catch((error: unknown) => error);
  return { calls, failure, warned: context.lines.warn };
}

test("a tray that a reset of the guest closes in the middle is opened again, without force", async () => {
  const { calls, failure, warned } = await exchange(...closed, undefined);
  expect([calls, failure, warned]).toEqual([[false, false, false], undefined, []]);
});

test("a tray that stays closed is left to the next start, with the reason", async () => {
  const { calls, failure } = await exchange(closed[0]);
  expect(new Set(calls)).toEqual(new Set([false]));
  expect(calls.length).toBeLessThan(20);
  expect(isGuestRefusal(failure)).toBe(true);
  expect((failure as KvmError).message).toMatch(/libvirt takes the tray for open[\s\S]*an eject in the guest/);
});

test("a medium that the guest has locked is taken out by force, also when the tray closes in the middle", async () => {
  const { calls, failure, warned } = await exchange("Device is locked", closed[0], undefined);
  expect([calls, failure]).toEqual([[false, true, true], undefined]);
  expect(warned).toEqual(["the guest held the medium of seed: it was taken out by force"]);
});
