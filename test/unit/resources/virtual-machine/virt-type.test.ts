import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { requireVirtType } from "../../../../provider/resources/virtual-machine/virt-type";
import { HostDaemon } from "./host-daemon";

const guest = (arch: string, ...types: readonly string[]) =>
  `<guest><os_type>hvm</os_type><arch name="${arch}">${types.map((type) => `<domain type="${type}"/>`).join("")}</arch></guest>`;

function require(arch: string, guests: string, virtType: string, facts?: object): Promise<void> {
  const capabilities = `<capabilities><host><cpu><arch>${arch}</arch></cpu></host>${guests}</capabilities>`;
  const host = { uri: "qemu:///system", ...(facts && { facts: JSON.stringify(facts) }) };
  return requireVirtType(new HostDaemon({ capabilities }).libvirt, { name: "db", virtType, host } as unknown as Inputs);
}

test("what libvirt offers for x86_64 is taken", async () => {
  await require("x86_64", guest("x86_64", "qemu", "kvm"), "kvm");
  await require("aarch64", guest("x86_64", "qemu"), "qemu");
});

test("a host without KVM says how to get it", async () => {
  await expect(require("x86_64", guest("x86_64", "qemu"), "kvm")).rejects.toThrow(
    /no virtType "kvm" for x86_64 \(it offers: qemu\)[\s\S]*enable virtualization in the firmware/,
  );
});

test("a host of another architecture is refused as that, whatever its own KVM can do", async () => {
  const guests = guest("aarch64", "qemu", "kvm");
  for (const facts of [undefined, { architecture: "aarch64", virtTypes: ["qemu", "kvm"] }]) {
    await expect(require("aarch64", guests, "kvm", facts)).rejects.toThrow(
      /the host is aarch64, and KVM runs guests of its own architecture only[\s\S]*choose a host of x86_64/,
    );
  }
});
