import { type Change, diffRows } from "../../core/diff";
import { equal as sameValue } from "../../core/equal";
import { messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { clone, type Element, equal } from "../../schema/tree";
import type { GuestPages } from "../added-pages";
import { followed, readMark, writeMark } from "../ownership";
import { placedBefore } from "../placed";
import { readRecord, recordMetadata, writeRecord } from "../placement-record";
import { applyInputs } from "./apply";
import type { Domain, Look } from "./domain";
import { addedIn, grownBy, returnPages } from "./guest-pages";
import { withoutIdle } from "./judge";
import { setMark } from "./mark";
import { makeMediated } from "./mediated-devices";
import {
  asOutput,
  effective,
  isAskedAnew,
  isPlaced,
  type Placed,
  placementIn,
  recordOf,
  suggestedFor,
} from "./placement";
import { placeAndWrite } from "./placing";
import type { Site } from "./planning";
import { type Inputs, rows } from "./rows";
import { withRest } from "./run-note";
import { dropWaiting } from "./waiting-mark";

/** An update, with what was there before it. */
export interface UpdateSite extends Look {
  readonly domain: Domain;
  readonly olds: Inputs & Values;
  readonly news: Inputs;
  /** Whether the domain had another name before. */
  readonly renamed: boolean;
  readonly context: Context;
}

/** Called on the way to the new definition. */
interface Steps {
  /** Refuses, by throwing, what only the place decides. */
  readonly judge: (moved: readonly Change[]) => void;
  /** The definition is about to be sent: a connection that is lost since does not tell whether it has arrived. */
  readonly sending: () => void;
}

/** What came of writing the definition. */
export interface Settled {
  readonly differs: boolean;
  readonly wanted: Element;
  /** What is known of the domain since. */
  readonly known: Values;
  /** The inputs in force before and with it. */
  readonly from: Inputs;
  readonly to: Inputs;
  /** Those of before, with what the guest alone still has of earlier ones. */
  readonly had: Values;
  /** Takes away again the mediated devices and pages that were made for it. */
  readonly giveBack: () => Promise<void>;
}

/** Writes the definition; a guest that asks for another place is placed first. */
export async function settle(site: UpdateSite, { judge, sending }: Steps): Promise<Settled> {
  const { domain, olds, news, before, context } = site;
  const place = placeFor(site);
  if (!place) return write(site, sending, placementIn(olds), addedIn(before));
  return placeAndWrite(place, async (placement, pages) => {
    const [from, to] = [effective(olds, olds), effective(news, asOutput(placement))];
    judge(withoutIdle(diffRows(rows, from, to), from, to));
    const result = await write(site, sending, placement, pages);
    const undo = async () => {
      await domain.redefine(site.before);
      await result.giveBack();
    };
    const takeBack = async () => {
      await result.giveBack();
      await returnPages(domain, grownBy(pages, place.added), context);
    };
    return { result: { ...result, giveBack: takeBack }, undo };
  });
}

/** What the guest is placed by, where it asks for another place. */
export function placeFor({ domain, olds, news, before, live, context }: UpdateSite): Site | undefined {
  const kept = placementIn(olds);
  const isSettled = kept !== undefined || !isPlaced(news);
  if (isSettled && !isAskedAnew(olds, news)) return undefined;
  const { libvirt, uuid } = domain;
  const previous = () => (kept ? placedBefore(kept) : suggestedFor(news));
  return { libvirt, inputs: news, uuid, previous, kept, added: addedIn(before), live, context };
}

async function write(
  site: UpdateSite,
  sending: () => void,
  placement: Placed | undefined,
  added: readonly GuestPages[],
): Promise<Settled> {
  const { domain, olds, news, before, live, isPersistent, context } = site;
  const known = { ...olds, ...{ placement: undefined }, ...asOutput(placement) };
  const [from, to] = [effective(olds, olds), effective(news, known)];
  const wanted = applyInputs(clone(before), to, from, live);
  dropWaiting(wanted);
  const record = recordOf(news, placement, added);
  writeRecord(wanted, record);
  const mark = readMark(before);
  const marked = mark && followed(mark, olds as Values, context.meta);
  if (marked) writeMark(wanted, marked);
  // A running domain that somebody undefined would be gone when it stops.
  const differs = !equal(wanted, before) || !isPersistent;
  const giveBack = await makeMediated(domain.libvirt, news, context);
  try {
    if (differs) {
      sending();
      await domain.redefine(wanted);
    }
  } catch (error) {
    await giveBack().catch((failure: unknown) => context.warn(messageOf(failure)));
    throw error;
  }
  if (live && !sameValue(readRecord(live), record)) {
    const { xml, key, uri } = recordMetadata(record);
    await domain.setMetadataElement(xml, key, uri);
  }
  if (live && marked && readMark(live)?.urn !== marked.urn) await setMark(domain, marked);
  return { differs, wanted, known, from, to, had: withRest(from, olds, to), giveBack };
}
