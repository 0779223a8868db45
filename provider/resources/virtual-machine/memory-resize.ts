import { formatBytes } from "../../core/units";
import { clone, type Element } from "../../schema/tree";
import { sizeAt } from "../document";
import type { LiveOperations, Operation } from "./live";
import { bytesOf, memoryEntries } from "./memory-devices";

const requested = sizeAt("target/requested", "KiB");

/** The guest takes memory, or gives it back, in its own time: libvirt shows how far it is. */
const isThere = (device: Element) => bytesOf(device, "current") === bytesOf(device, "requested");

async function resize(operation: Operation): Promise<void> {
  await operation.updateDevice(memoryEntries, (live, configured) => requested.set(live, requested.get(configured)));
  const device = await operation.settled(memoryEntries, isThere);
  if (!device || isThere(device)) return;
  const [has, wanted] = [bytesOf(device, "current"), bytesOf(device, "requested")].map(formatBytes);
  operation.warn(`the guest has ${has} of the ${wanted} of ${operation.change.property}: it goes on when it can`);
}

/** QEMU unplugs no memory that the guest still holds. */
async function empty(operation: Operation): Promise<void> {
  const { live } = await operation.device(memoryEntries);
  if (live?.attributes["model"] !== "virtio-mem") return;
  const device = clone(live);
  requested.set(device, "0 B");
  await operation.domain.updateDevice(device);
  await operation.settled(memoryEntries, isThere);
}

export const memoryDeviceOperations: LiveOperations = {
  "memoryDevices.*": async (operation) => {
    if (operation.change.next === undefined) await empty(operation);
    await operation.plug(memoryEntries);
  },
  "memoryDevices.*.requested": resize,
};
