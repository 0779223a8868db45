import type { Context } from "../../core/handler";
import { imagePath, isBlockDevice } from "./disk-sources";
import { isRemovable } from "./disk-targets";
import type { Inputs } from "./rows";
import { type Disk, entriesOf } from "./rule-entries";

const guide = "docs/guides/tuning.md";

/** Says what keeps a guest of profile latency from its aim and is not an argument's to change: what its disks are made of. */
export function warnOfSlowDisks({ profile, disks }: Inputs, context: Context): void {
  if (profile !== "latency") return;
  for (const [key, disk] of entriesOf<Disk>(disks)) {
    const { volume, format, device } = disk;
    const image = imagePath(disk);
    if (isRemovable(device) || typeof image !== "string" || isBlockDevice(image)) continue;
    const kind = volume?.format ?? format ?? "raw";
    const why =
      kind === "raw"
        ? 'is a file: its file system takes part in each request, and io: "native" waits where the file has holes'
        : `is a ${String(kind)} image: tables stand between the guest and its disk`;
    context.warn(
      `disks.${key}: profile latency wants a raw block device, and ${image} ${why}; take a volume of a pool of type logical or disk, or a raw volume that is allocated in full (${guide})`,
    );
  }
}

/** Says once, when such a guest is made, what only the host can be told. */
export function adviseHost({ profile }: Inputs, context: Context): void {
  if (profile !== "latency") return;
  context.info(
    `profile latency: on the host leave /sys/module/kvm/parameters/halt_poll_ns at 200000 (0 adds a wake-up to each halt), and keep other work off the guest's CPUs (isolcpus or systemd's AllowedCPUs); see ${guide}`,
  );
}
