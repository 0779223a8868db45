import { KvmError } from "../../core/errors";
import { formatBytes } from "../../core/units";
import { QCOW2_MAGIC } from "../../images/qcow2";
import { domainHandle } from "../../libvirt/procedures";
import { textAt } from "../../schema/lens";
import { attempt } from "../failure";
import type { FoundVolume, VolumeStore } from "../volume-store";
import type { VolumeUser } from "../volume-users";
import { capacityOf, formatOf } from "./observe";
import { type Inputs, isEncrypted, wantedBytes } from "./rows";

/** What a LUKS header of version 1 begins with. */
const LUKS_1 = Buffer.from("LUKS\xba\xbe\0\x01", "latin1");

/** Grows the volume: through the running guest that has it open, else in the pool. */
export async function grow(store: VolumeStore, found: FoundVolume, inputs: Inputs): Promise<FoundVolume> {
  const wanted = wantedBytes(inputs);
  if (wanted === undefined) return found;
  if (store.isFixed) return grownByHand(store, found, wanted, isEncrypted(inputs));
  if (wanted <= capacityOf(found.document)) return found;
  const running = (await store.users(found.handle)).filter(({ active }) => active);
  const guest = running.find(({ role }) => role === "disk");
  const above = running.find(({ role }) => role === "chain");
  if (guest) await tell(store, guest, wanted);
  else if (above) {
    throw new KvmError("busy", {
      ...store.step("grow", `stop ${above.name} first, or grow the volume that it has as ${above.target} instead`),
      reason: `the running domain ${above.name} has it below ${above.target}; it was left as it is`,
    });
  } else {
    await requireFormat(store, found, inputs);
    await store.resize(found.handle, wanted);
  }
  return (await store.look(inputs.name)) ?? found;
}

/**
 * libvirt and qemu-img grow an image by what it begins with: one of qcow2 whose header is broken as raw, and a raw one
 * that begins with a header which a guest has written by that.
 */
async function requireFormat(store: VolumeStore, { handle, document }: FoundVolume, inputs: Inputs): Promise<void> {
  const path = textAt("target/path").get(document) ?? handle.name;
  const refusal = (reason: string, remedy: string) =>
    new KvmError("conflict", { ...store.step("grow", remedy), reason: `${reason}; it was left as it is` });
  if (inputs.format === "raw") {
    const seen = formatOf(document);
    if (seen === "raw") return;
    throw refusal(
      `it was made raw, and libvirt takes it for ${seen} by what a guest has written to its start`,
      `grow it while a guest that has it runs, or on the host: qemu-img resize -f raw '${path}' ${wantedBytes(inputs)}`,
    );
  }
  const start = await store.content(handle, { offset: 0n, length: BigInt(QCOW2_MAGIC.length) });
  if (start.equals(QCOW2_MAGIC)) return;
  throw refusal(
    "its format is qcow2, and the image does not begin as one of qcow2: its header is broken, or another file is in its place",
    `look at ${path} on the host, and put it back from a backup`,
  );
}

/** A device of blocks is grown on the host alone; the guest that runs on it learns its size here. */
async function grownByHand(
  store: VolumeStore,
  found: FoundVolume,
  wanted: bigint,
  encrypted: boolean,
): Promise<FoundVolume> {
  const { handle } = found;
  let now = found;
  if (capacityOf(found.document) < wanted) {
    await store.refresh();
    now = (await store.look(handle.name)) ?? found;
  }
  const size = capacityOf(now.document);
  if (size < wanted) {
    const path = textAt("target/path").get(now.document) ?? handle.name;
    throw new KvmError("unsupported", {
      ...store.step(
        "grow",
        `grow it on the host (a logical volume: lvextend -L ${wanted}b ${path}) and run pulumi up again, which tells a running guest; or set size back to ${formatBytes(size)}`,
      ),
      reason: `libvirt cannot grow volumes of this kind of pool; it was left at ${formatBytes(size)}`,
    });
  }
  const guest = (await store.users(handle)).find(({ active, role }) => active && role === "disk");
  if (!guest) return now;
  const seen = size - (encrypted ? await headerOf(store, found) : 0n);
  if ((await sizeIn(store, guest)) < seen) await tell(store, guest, seen);
  return now;
}

/** Bytes at the start of an encrypted device that no guest sees. libvirt makes LUKS 1, and counts them as the disk's. */
async function headerOf(store: VolumeStore, { handle }: FoundVolume): Promise<bigint> {
  const start = await store.content(handle, { offset: 0n, length: 108n });
  const isLuks = start.length === 108 && start.subarray(0, 8).equals(LUKS_1);
  return isLuks ? BigInt(start.readUInt32BE(104)) * 512n : 0n;
}

/** Size of the disk as the running guest has it, in bytes. */
async function sizeIn(store: VolumeStore, { name, uuid, target }: VolumeUser): Promise<bigint> {
  const args = { dom: domainHandle(uuid), path: target, flags: 0 };
  const step = store.step(`measure in the running domain ${name}`);
  return (await attempt(step, () => store.libvirt.call("DOMAIN_GET_BLOCK_INFO", args))).capacity;
}

/** Gives the disk of the running guest that size. */
async function tell(store: VolumeStore, { name, uuid, target }: VolumeUser, size: bigint): Promise<void> {
  const inBytes = 1;
  const args = { dom: domainHandle(uuid), disk: target, size, flags: inBytes };
  const remedy = (said: string) => {
    if (/readonly disk/.test(said)) return `stop ${name} first: it has it read-only`;
    if (!/is in use/.test(said)) return undefined;
    return `wait for the end of the job on that disk (virsh blockjob ${name} ${target}), or end it (--pivot, --abort), then run pulumi up again`;
  };
  const step = store.step(`grow through the running domain ${name}`, remedy);
  await attempt(step, () => store.libvirt.call("DOMAIN_BLOCK_RESIZE", args));
}
