import { KvmError } from "../../core/errors";
import type { Values } from "../../core/handler";
import { child, type Element } from "../../schema/tree";
import { diskEntries } from "./disk-entries";
import { imagePath, sourcePath } from "./disk-sources";
import { isRemovable } from "./disk-targets";
import type { Domain, Look } from "./domain";
import { imagesBelow, liesOn } from "./image-chain";
import type { Inputs } from "./rows";
import { waitingIn } from "./run-note";

type Machine = Pick<Inputs, "disks">;

/**
 * Refuses to put back an image behind a disk that somebody has exchanged: the overlay of a snapshot, or a copy at another
 * place, has what the guest has written since, and the next start with the former image would be one without it. Where
 * a refresh has told of it, and the program says otherwise, it is the program's wish; but for what lies on that image.
 * So is the end of a guest on such an overlay of which the definition says nothing, as after a backup of it was restored,
 * but where the state says that another image waits for the next start: an update has staged it, or a refresh has told.
 */
export async function refuseMoved(
  domain: Domain,
  { before, live }: Pick<Look, "before" | "live">,
  olds: Machine & Values,
  news: Machine & Pick<Inputs, "changePolicy" | "state">,
): Promise<void> {
  const present = diskEntries.list(before);
  const mayEnd = news.changePolicy === "restart" || news.state === "stopped";
  const ending = live && mayEnd ? diskEntries.list(live) : undefined;
  for (const [key, wanted] of Object.entries(news.disks)) {
    const [disk, next, former] = [present.get(key), imagePath(wanted), olds.disks[key]];
    if (next === undefined || isRemovable(wanted.device)) continue;
    const was = former && imagePath(former);
    const open = ending?.get(key);
    const runsOn = open && !child(open, "transient") ? sourcePath(open) : undefined;
    const waits = ["volume", "path"].some((name) => waitingIn(olds).includes(`disks.${key}.${name}`));
    if (open && runsOn !== undefined && runsOn !== next && runsOn !== was && !waits) {
      const isOn = await isAbove(domain, live, { key, has: runsOn, next });
      if (isOn) throw moved(domain, `disks.${key}`, { disk: open, has: runsOn, next, isOn });
    }
    const has = disk && sourcePath(disk);
    if (!disk || has === undefined || has === next) continue;
    // A volume with a name is from the program itself, whatever it lies on.
    const isSaid = former?.volume?.name !== undefined && has === was;
    const isOn = imagesBelow(disk).includes(next) || (!isSaid && (await isAbove(domain, live, { key, has, next })));
    if (isOn || has !== was) throw moved(domain, `disks.${key}`, { disk, has, next, isOn });
  }
}

/** Whether an image lies on another one of which the definition says nothing: a guest that was off had the snapshot made. */
async function isAbove(
  domain: Domain,
  live: Element | undefined,
  { key, has, next }: { readonly key: string; readonly has: string; readonly next: string },
): Promise<boolean> {
  const open = live && diskEntries.list(await domain.liveInFull()).get(key);
  return open && sourcePath(open) === has ? imagesBelow(open).includes(next) : liesOn(domain, has, next);
}

interface Moved {
  readonly disk: Element;
  readonly has: string;
  readonly next: string;
  /** Whether the image that the disk has lies on the one that is wanted. */
  readonly isOn: boolean;
}

function moved({ name, host }: Domain, property: string, { disk, has, next, isOn }: Moved): KvmError {
  const target = child(disk, "target")?.attributes["dev"];
  const keep = `or name ${has} in the program to keep it`;
  return new KvmError("conflict", {
    step: `update VirtualMachine ${name}`,
    host,
    reason: isOn
      ? `${property} is on ${has} since a snapshot, which holds what the guest has written since and lies on ${next}; nothing was changed`
      : `${property} is on ${has}, and not on ${next} as the last update left it; what the guest has written since would be lost with that; nothing was changed`,
    remedy: isOn
      ? `bring the two together as the guest runs (virsh blockcommit ${name} ${target} --active --pivot), ${keep}`
      : `run pulumi refresh, after which the next up brings it back to ${next}, ${keep}`,
  });
}
