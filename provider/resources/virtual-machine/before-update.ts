import type { Change } from "../../core/diff";
import { isWithin } from "../../core/paths";
import { onceFree, Taken } from "../hand-over";
import { readMark, requireStillOurs } from "../ownership";
import { requirePolicy, restartsOf } from "./change-policy";
import { Domain } from "./domain";
import { warnOfExposure } from "./exposure";
import { requireHardware, type Touched } from "./hardware";
import { refuseWhileBusy } from "./jobs";
import { warnOfSlowDisks } from "./latency-advice";
import { warnOfMitigations } from "./mitigations";
import { refuseMoved } from "./moved-images";
import { warnOfCards } from "./nic-claims";
import { requirePlace } from "./planning";
import { waitingIn } from "./run-note";
import { warnOfIsolation } from "./security";
import { placeFor, type UpdateSite } from "./settle";
import { warnOfTpmState } from "./tpm";
import { warnOfVariables } from "./variables";

/** Refuses an update that cannot be done, or would lose something, before anything is written; and warns of the others. */
export async function judgeUpdate(site: UpdateSite, changes: readonly Change[]): Promise<void> {
  // What the domain had before is its own.
  const touched: Touched = (...places) =>
    changes.some(({ path }) => places.some((place) => isWithin(path, place.split("."))));
  await requireDoable(site, changes, touched);
  await warn(site, touched);
}

async function requireDoable(site: UpdateSite, changes: readonly Change[], touched: Touched): Promise<void> {
  const { domain, olds, news, renamed, before, live, context } = site;
  requireStillOurs("VirtualMachine", readMark(before), site, context);
  requirePolicy(domain, news, changes, live !== undefined);
  await refuseWhileBusy(domain, site);
  await refuseMoved(domain, site, olds, news);
  const asksForStart = renamed || restartsOf(changes).length > 0 || waitingIn(olds).length > 0;
  const starts = !live || (asksForStart && news.changePolicy === "restart");
  await onceFree(`update VirtualMachine ${news.name}`, context, async () => {
    if (renamed) await requireFreeName(site);
    const place = renamed && live && placeFor(site);
    // Ahead of the stop as well: what is found may be another place by then, where it is looked for under the lock.
    if (place) await requirePlace(place);
    await requireHardware(domain.libvirt, news, domain.uuid, touched, starts);
  });
}

/** Ahead of the stop of a running guest, which would be for nothing. */
async function requireFreeName({ domain, news }: UpdateSite): Promise<void> {
  const { libvirt, host, uuid, name } = domain;
  const namesake = await Domain.byName(libvirt, host, news.name);
  if (!namesake || namesake.uuid === uuid) return;
  const refusal = {
    step: `rename VirtualMachine ${name} to ${news.name}`,
    host,
    reason: "the host has a domain of that name already; nothing was changed",
    remedy: "choose a name that is free",
  };
  throw new Taken(refusal, readMark(await namesake.inactive())?.urn);
}

async function warn({ domain, olds, news, context }: UpdateSite, touched: Touched): Promise<void> {
  warnOfIsolation(news, context);
  warnOfTpmState(olds, news, domain.uuid, context);
  warnOfVariables(olds, news, context);
  if (touched("graphics", "filesystems")) warnOfExposure(news, context);
  if (touched("nics")) await warnOfCards(domain.libvirt, news, domain.uuid, context);
  if (touched("cpu")) await warnOfMitigations(domain.libvirt, news, context);
  if (touched("disks", "profile")) warnOfSlowDisks(news, context);
}
