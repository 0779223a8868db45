import { KvmError, messageOf } from "../../core/errors";
import { errorCode, LibvirtError } from "../../libvirt/errors";

/** What libvirt answers when the guest, or QEMU as it runs, does not do what it can do at the next start. */
const refusals: readonly number[] = [
  errorCode.operationFailed,
  errorCode.operationInvalid,
  errorCode.operationTimeout,
  errorCode.operationUnsupported,
  errorCode.agentUnresponsive,
];

/**
 * What a running QEMU lacks or will not do, whatever the guest says. It numbers virtio consoles by itself, and libvirt gives
 * a port that comes later the number of one: at a start the consoles come last.
 */
const startOnly =
  /No more available PCI|cannot remove IOThread .* being used|throttle group .* is still being used|key 'filename' must not have null|cannot (be|get) unplugged|unplug (is|request for) not supported|nvdimm is not enabled|does not support hotplugging|appropriate hotpluggable vcpus|virtio serial controller \d+ is missing|virtio-serial-bus: A port already exists/;

/** A vCPU that the guest gave up when libvirt listened no more: QEMU has it no longer, and libvirt finds no words for that. */
function isGoneVcpu({ procedure, message }: LibvirtError): boolean {
  return procedure === "DOMAIN_SET_VCPUS_FLAGS" && message.includes("the cause is unknown");
}

/** What QEMU says of an image that another process has open. */
export const imageLocked = /Failed to get (shared )?"write" lock/;

/** What QEMU says of a tray that libvirt takes for open. */
const trayClosed = /Tray of .* is not open/;

/** What libvirt says, by the code of a refusal, of what the host lacks: a filter, whose rules a start sets up as well. */
const lasting = /does(n't| not) exist|nonexistent|No such (file|device)|failed to add new filter rules/;

/**
 * Whether a live operation failed for a reason that a new start of the guest removes. What would fail at the next
 * start as well (a missing file, a VLAN on a bridge of the kernel) is none, and a lock of the daemon neither.
 */
export function isGuestRefusal(error: unknown): error is KvmError {
  if (!(error instanceof KvmError)) return false;
  const { cause } = error.details;
  if (cause === undefined) return ["timeout", "unsupported"].includes(error.code);
  if (!(cause instanceof LibvirtError) || cause.message.includes("state change lock")) return false;
  // Slots are reserved at a start, and vCPUs that a guest starts with are its own; QEMU's own words come as internal errors.
  if (startOnly.test(cause.message) || isGoneVcpu(cause) || isTrayClosed(error)) return true;
  return refusals.includes(cause.code) && !lasting.test(cause.message);
}

/** Whether another process has the image open. */
export function isImageLocked(error: unknown): boolean {
  return says(error, imageLocked);
}

/** Whether a medium could not be exchanged because the tray is closed. */
export function isTrayClosed(error: unknown): error is KvmError {
  return says(error, trayClosed);
}

function says(error: unknown, words: RegExp): boolean {
  return error instanceof KvmError && words.test(messageOf(error.details.cause));
}
