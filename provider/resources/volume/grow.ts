import { KvmError } from "../../core/errors";
import { domainHandle } from "../../libvirt/procedures";
import { attempt } from "../failure";
import type { FoundVolume, VolumeStore } from "../volume-store";
import { capacityOf } from "./observe";
import { type Inputs, wantedBytes } from "./rows";

/** Grows the volume: through the running guest that has it open, else in the pool. */
export async function grow(store: VolumeStore, found: FoundVolume, inputs: Inputs): Promise<FoundVolume> {
  const wanted = wantedBytes(inputs);
  if (wanted === undefined || wanted <= capacityOf(found.document)) return found;
  const running = (await store.users(found.handle)).filter(({ active }) => active);
  const guest = running.find(({ role }) => role === "disk");
  const above = running.find(({ role }) => role === "chain");
  if (guest) {
    const inBytes = 1;
    const args = { dom: domainHandle(guest.uuid), disk: guest.target, size: wanted, flags: inBytes };
    await attempt(store.step(`grow through the running domain ${guest.name}`), () =>
      store.libvirt.call("DOMAIN_BLOCK_RESIZE", args),
    );
  } else if (above) {
    throw new KvmError("busy", {
      ...store.step("grow", `stop ${above.name} first, or grow the volume that it has as ${above.target} instead`),
      reason: `the running domain ${above.name} has it below ${above.target}; it was left as it is`,
    });
  } else await store.resize(found.handle, wanted);
  return (await store.look(inputs.name)) ?? found;
}
