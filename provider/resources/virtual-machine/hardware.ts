import type { Libvirt } from "../../libvirt/api";
import { requireBlockDevices } from "./disk-claims";
import { requireHostDevices } from "./hostdev-claims";
import { requireLaunchSecurity } from "./launch-check";
import { requireAddresses } from "./mac-claims";
import { requireCards, requireTargets } from "./nic-claims";
import type { Inputs } from "./rows";
import { requireSecrets } from "./secret-claims";

/** What is to be looked at again: all for a new domain, for an old one what changes. */
export type Touched = (...places: readonly (keyof Inputs | `disks.${string}`)[]) => boolean;

/**
 * Refuses what the host lacks, works with itself or has given to others, before anything is written. Reads only;
 * `own` is the uuid of the domain on the host. One that is to start needs the secrets of all that it has, one that goes on
 * running has them.
 */
export async function requireHardware(
  libvirt: Libvirt,
  inputs: Inputs,
  own = inputs.uuid,
  touched: Touched = () => true,
  starts = true,
): Promise<void> {
  if (touched("launchSecurity")) await requireLaunchSecurity(libvirt, inputs, own);
  if (touched("hostDevices", "nics")) await requireHostDevices(libvirt, inputs, own);
  if (touched("nics")) {
    await requireCards(libvirt, inputs, own);
    await requireAddresses(libvirt, inputs, own);
  }
  // A start makes the interfaces.
  if (touched("nics", "state")) await requireTargets(libvirt, inputs, own);
  if (touched("disks")) await requireBlockDevices(libvirt, inputs, own);
  await requireSecrets(libvirt, inputs, starts ? () => true : touched);
}
