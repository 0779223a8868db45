import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import { parseAnswer } from "../../schema/answer";
import { child, children, textOf } from "../../schema/tree";
import { attempt } from "../failure";
import { knownTypes } from "./host-facts";
import type { Inputs } from "./rows";

/** Refuses virtualization that libvirt does not have for our guests, before anything is written. */
export async function requireVirtType(libvirt: Libvirt, inputs: Inputs): Promise<void> {
  const { virtType } = inputs;
  if (knownTypes(inputs.host).includes(virtType)) return;
  const host = inputs.host.uri;
  const step = `create VirtualMachine ${inputs.name}`;
  const { capabilities: xml } = await attempt({ step, host }, () => libvirt.call("CONNECT_GET_CAPABILITIES", {}));
  const capabilities = parseAnswer(xml);
  const types = children(capabilities, "guest")
    .filter((guest) => textOf(child(guest, "os_type") ?? guest) === "hvm")
    .flatMap((guest) => children(guest, "arch"))
    .filter(({ attributes }) => attributes["name"] === "x86_64")
    .flatMap((arch) => children(arch, "domain"))
    .map(({ attributes }) => attributes["type"]);
  if (types.includes(virtType)) return;
  const found = child(capabilities, "host/cpu/arch");
  const architecture = found ? textOf(found) : "x86_64";
  throw new KvmError("unsupported", {
    step,
    host,
    reason: `libvirt offers no virtType "${virtType}" for x86_64 (it offers: ${[...new Set(types)].join(", ") || "none"})${architecture === "x86_64" ? "" : `; the host is ${architecture}, and KVM runs guests of its own architecture only`}`,
    remedy: remedyFor(virtType, architecture),
  });
}

function remedyFor(virtType: string, architecture: string): string {
  if (virtType !== "kvm") return "install QEMU's system emulator for x86 on the host";
  return architecture === "x86_64"
    ? 'enable virtualization in the firmware of the host and load its kvm module (ls -l /dev/kvm), or set virtType: "qemu" to emulate, which is slow'
    : 'choose a host of x86_64, as VirtualMachine makes guests of no other architecture, or set virtType: "qemu" to emulate, which is slow';
}
