import { followChain } from "../../images/chain";
import { ImageError } from "../../images/image-error";
import { parseAnswer } from "../../schema/answer";
import { textAt } from "../../schema/lens";
import { child, children, type Element } from "../../schema/tree";
import { unlessRefused } from "../failure";
import { devicesOf } from "./alias";
import { sourcePath } from "./disk-sources";
import type { Domain } from "./domain";

/** The images that the one behind a disk lies on: libvirt knows them as the guest runs, and since a snapshot was made of it. */
export function imagesBelow(disk: Element): string[] {
  const below = child(disk, "backingStore");
  return below ? [sourcePath(below) ?? [], imagesBelow(below)].flat() : [];
}

/**
 * Whether an image lies on another one, by what the host knows of a guest that is off: the pools that the images are in,
 * and for those that are in none its snapshots.
 */
export async function liesOn(domain: Domain, image: string, base: string): Promise<boolean> {
  const made = await snapshotImages(domain);
  const below = async (path: string) => {
    const volume = await inPool(domain, path, base);
    return volume ? textAt("backingStore/path").get(volume) : made.get(path);
  };
  try {
    return (await followChain(image, below)).includes(base);
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

/** What each external snapshot, and going back to it (libvirt 9.9), put over what. */
async function snapshotImages(domain: Domain): Promise<ReadonlyMap<string, string>> {
  const pairs = (await domain.snapshotDocuments()).flatMap((snapshot) => {
    const before = devicesOf(child(snapshot, "domain") ?? snapshot, "disk");
    const overs = ["disks", "revertDisks"].flatMap((list) => children(child(snapshot, list) ?? snapshot, "disk"));
    return overs.flatMap((over): [string, string][] => {
      const is = (disk: Element) => child(disk, "target")?.attributes["dev"] === over.attributes["name"];
      const [below, above] = [sourcePath(before.find(is) ?? snapshot), sourcePath(over)];
      return below === undefined || above === undefined || above === below ? [] : [[above, below]];
    });
  });
  return new Map(pairs);
}

/**
 * The volume at that path, if a pool has one there. Pools know what others made since they were looked at last only when
 * they are looked at again; the one that the neighbour is in may have it.
 */
async function inPool({ libvirt, host }: Domain, path: string, neighbour: string): Promise<Element | undefined> {
  // What libvirt cannot say, such as of a pool that is busy, leaves the question to what else is known.
  const ask = <T>(work: () => Promise<T>) =>
    unlessRefused({ step: `look for the volume ${path}`, host }, work, () => undefined);
  const volumeAt = async (place: string) =>
    (await ask(() => libvirt.call("STORAGE_VOL_LOOKUP_BY_PATH", { path: place })))?.vol;
  let vol = await volumeAt(path);
  if (!vol) {
    const beside = await volumeAt(neighbour);
    if (!beside) return undefined;
    const found = await ask(() => libvirt.call("STORAGE_POOL_LOOKUP_BY_VOLUME", { vol: beside }));
    if (found) await ask(() => libvirt.call("STORAGE_POOL_REFRESH", { ...found, flags: 0 }));
    vol = await volumeAt(path);
  }
  const document = vol && (await ask(() => libvirt.call("STORAGE_VOL_GET_XML_DESC", { vol, flags: 0 })));
  return document && parseAnswer(document.xml);
}
