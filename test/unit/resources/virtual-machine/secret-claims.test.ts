import { requireHardware, type Touched } from "../../../../provider/resources/virtual-machine/hardware";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { checked } from "./checked";
import { HostDaemon } from "./host-daemon";

const uuid = "11111111-2222-4333-8444-555555555555";
const base = { host: { uri: "qemu+ssh://rack1/system" }, memory: "1 GiB" };
const sealed = { sealed: { path: "/sealed.raw", format: "raw", encryption: { secret: { uuid } } } };
const asInputs = (args: object) => checked({ ...base, ...args }) as unknown as Inputs;

test.each([
  ["disks.sealed.encryption.secret", "volume", 5, { disks: sealed }],
  ["tpm.encryptionSecret", "vtpm", 1, { tpm: { encryptionSecret: uuid } }],
])("a secret for another use than %s is refused ahead of a start", async (at, kind, usageType, args) => {
  const { libvirt } = new HostDaemon({ secrets: { [uuid]: usageType } });
  await expect(requireHardware(libvirt, asInputs(args))).rejects.toThrow(
    `${at}: the secret of uuid ${uuid} is of another usage type than ${kind}; nothing was changed`,
  );
});

test("a guest that goes on running needs the secrets of the devices that change, and of no others", async () => {
  const { libvirt } = new HostDaemon({});
  const inputs = asInputs({ disks: { ...sealed, plain: { path: "/plain.raw", format: "raw" } } });
  const asking = (changed: string, starts: boolean) => {
    const touched: Touched = (...places) => places.some((place) => place === changed);
    return requireHardware(libvirt, inputs, undefined, touched, starts);
  };
  await asking("disks.plain", false);
  await expect(asking("disks.sealed", false)).rejects.toThrow(/disks\.sealed\.encryption\.secret: the host has no/);
  await expect(asking("title", true)).rejects.toThrow(/disks\.sealed\.encryption\.secret: the host has no/);
});
