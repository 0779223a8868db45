import type { Change } from "../../core/diff";
import { isConnectionLost, KvmError, messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { isIgnored } from "../../core/ignored";
import { isAt } from "../../core/paths";
import type { Made } from "../../core/resource";
import { hasUnknown } from "../../core/unknown";
import { clone, type Element, ensure, setText } from "../../schema/tree";
import { readMark, requireStillOurs } from "../ownership";
import { leasesBefore, noLeases } from "./addresses";
import { nameDevices } from "./adopted";
import { applyLive } from "./apply-live";
import { unfinished } from "./create";
import { Domain, type Present } from "./domain";
import { warnOfExposure } from "./exposure";
import { addedIn, restorePages, tidyPages } from "./guest-pages";
import { requireHardware, type Touched } from "./hardware";
import { refuseWhileBusy } from "./jobs";
import { warnOfSlowDisks } from "./latency-advice";
import { putSecret } from "./launch-attestation";
import { removeMediated } from "./mediated-devices";
import { warnOfMitigations } from "./mitigations";
import { refuseMoved } from "./moved-images";
import { warnOfCards } from "./nic-claims";
import { forgetLostPorts } from "./nic-ports";
import { observe, type outputs } from "./outputs";
import { pendingOf, residue, takenOut, untold } from "./pending";
import { effective, placementIn } from "./placement";
import { enforcePower, resumeHeld, stop } from "./power";
import { requireTaken } from "./read-back";
import { asBefore, asEither, asWritten } from "./roll-back";
import { type Inputs, rows } from "./rows";
import { behindIn, waitingIn } from "./run-note";
import { warnOfIsolation } from "./security";
import { settle } from "./settle";
import { StartWait } from "./start-wait";
import { warnOfTpmState } from "./tpm";
import { keepVariables, warnOfVariables } from "./variables";

type MadeDomain = Made<typeof outputs>;

/**
 * Writes the configuration, brings the running guest as near to it as it can get, and leaves the rest to
 * `changePolicy`. The power state is enforced each time.
 */
export async function update(
  id: string,
  olds: Inputs & Values,
  news: Inputs,
  changes: readonly Change[],
  context: Context,
): Promise<MadeDomain> {
  const libvirt = await context.connect(news.host);
  const domain = Domain.at(libvirt, news.host.uri, id, news.name);
  nameDevices(domain, olds, olds, news);
  const found = (await domain.look()) ?? absent(domain);
  const ignored = context.meta?.ignoreChanges;
  const { power, before, live, isPersistent, autostart } = found;
  requireStillOurs("VirtualMachine", readMark(before), news, context);
  refuse(domain, news, changes, live !== undefined);
  await refuseWhileBusy(domain, found);
  await refuseMoved(domain, found, olds, news);
  // What the domain had before is its own.
  const touched: Touched = (...names) => changes.some(({ path }) => names.some((name) => name === path[0]));
  const renamed = news.name !== domain.name;
  const asksForStart = renamed || restartsOf(changes).length > 0 || waitingIn(olds).length > 0;
  const isRestarted = !!live && asksForStart && news.changePolicy === "restart";
  await requireHardware(domain.libvirt, news, domain.uuid, touched, isRestarted);
  warnOfIsolation(news, context);
  warnOfTpmState(olds, news as Values, domain.uuid, context);
  warnOfVariables(olds, news, context);
  if (touched("graphics", "filesystems")) warnOfExposure(news, context);
  if (touched("nics")) await warnOfCards(domain.libvirt, news, domain.uuid, context);
  if (touched("cpu")) await warnOfMitigations(domain.libvirt, news, context);
  if (touched("disks", "profile")) warnOfSlowDisks(news, context);
  const mayStart = power === "stopped" || news.changePolicy === "restart";
  const looksAtPorts = behindIn(olds).some((property) => isAt(property.split("."), ["nics", "*", "network"]));
  const leases = mayStart ? await leasesBefore(domain, news) : noLeases;
  let isSent = false;
  const sending = () => {
    isSent = true;
  };
  const isCutOff = (error: unknown) => isConnectionLost(error) || context.signal.aborted;
  const site = { domain, olds, news, power, before, live, isPersistent, context, sending };
  const hasStopped = renamed && !!live;
  const write = async () => {
    const now = renamed ? await rename(domain, before, olds, news, context) : before;
    return settle({ ...site, before: now }, (moved) => refuse(domain, news, moved, !!live));
  };
  const { differs, wanted, known, giveBack } = await write().catch(async (error: unknown) => {
    if (isSent && isCutOff(error)) throw await asEither(site, error, news);
    throw renamed && !isConnectionLost(error) ? await asBefore({ ...site, hasStopped }, news, error) : error;
  });
  const [from, to] = [effective(olds, olds), effective(news, known)];
  const written = { asked: news, inForce: to, known, definition: wanted };
  let config = wanted;
  try {
    if (differs) config = await domain.inactiveAfter(wanted);
    requireTaken(domain, to, { wanted, config }, context);
    await putSecret(domain, news, olds);
    // One that is to be off now has it all at its next start.
    if (live && !renamed && news.state !== "stopped") {
      await resumeHeld(domain, found, news);
      if (looksAtPorts) await forgetLostPorts(domain, live);
      await applyLive(domain, { live, config }, from, to, context, movesCells(olds, known));
    }
  } catch (error) {
    if (isCutOff(error)) throw await asWritten(site, error, written);
    if (differs || renamed) throw await asBefore({ ...site, hasStopped, giveBack, written }, to, error);
    throw await unfinished(domain, olds, error, olds, { ignored });
  }
  const wait = new StartWait(domain, news, olds, wanted);
  let isOff = false;
  try {
    if (autostart !== news.autostart || !isPersistent) await domain.setAutostart(news.autostart);
    let now = await restartIfWanted(domain, config, from, to, context);
    const isSaved = now.power === "stopped" && (await domain.hasSavedState());
    if (isSaved && differs) warnOfSavedState(domain, context);
    if (!live && news.state !== "stopped") await restorePages(domain, news, wanted, context);
    const begin = () => wait.begin(leases);
    isOff = !!live && now.power === "stopped" && news.state !== "stopped";
    const started = await enforcePower(domain, news, context, begin, now);
    if (started && isSaved) {
      await applyLive(domain, { live: await domain.live(config), config }, from, to, context);
      now = await restartIfWanted(domain, config, from, to, context);
      isOff = now.power === "stopped";
      await enforcePower(domain, news, context, begin, now);
    }
    isOff = false;
    if (addedIn(wanted).length > 0 && (started || !live)) await tidyPages(domain, news, placementIn(known), context);
    await wait.end(context);
    // One that the running guest still has stays for its owner to take away; the message says how.
    await removeMediated(domain.libvirt, olds, news).catch((error: unknown) => context.warn(messageOf(error)));
    const isAsSeen = now.power === news.state;
    const seen = started ? {} : { config, autostart: news.autostart, ...(isAsSeen && { now }) };
    const done = { before: olds, anew: started, isDone: true, looksAtPorts, ignored };
    const { made } = await observe(domain, news, known, { ...done, ...seen });
    report(waitingIn(made.outputs), context);
    return made;
  } catch (error) {
    if (isOff && !isConnectionLost(error))
      throw await asBefore({ ...site, hasStopped: true, giveBack, written }, to, error);
    throw await unfinished(domain, news, error, known, { due: wait.due, ignored, before: olds });
  }
}

/** Whether the memory is to be elsewhere: then the vCPUs stay beside it until the next start. */
function movesCells(olds: Values, known: Values): boolean {
  const [from, to] = [placementIn(olds), placementIn(known)];
  return from !== undefined && to !== undefined && !from.cells.every((cell, index) => cell === to.cells[index]);
}

function absent({ name, host, uuid }: Domain): never {
  throw new KvmError("not-found", {
    step: `update VirtualMachine ${name}`,
    host,
    reason: `the host has no domain with the uuid ${uuid}`,
    remedy: "run pulumi refresh: it takes the lost domain out of the state, and the next up makes it anew",
  });
}

/** Refuses before anything is written. */
function refuse(domain: Domain, news: Inputs, changes: readonly Change[], active: boolean): void {
  if (active) refuseRename(domain.name, news);
  const restarts = restartsOf(changes);
  if (!active || news.changePolicy !== "refuse" || restarts.length === 0) return;
  throw refusedRestart(domain.name, domain.host, restarts);
}

/** A name is nothing that could wait for the next start. */
export function refuseRename(name: string, news: Inputs): void {
  if (news.name === name || hasUnknown(news.name) || news.changePolicy === "restart" || news.state === "stopped")
    return;
  throw new KvmError("invalid", {
    step: `rename VirtualMachine ${name} to ${news.name}`,
    host: news.host.uri,
    reason: "libvirt renames only a domain that is off; nothing was changed",
    remedy: 'set changePolicy: "restart" or state: "stopped" for this update',
  });
}

/** Changes that would need a restart. What is not known yet in a preview may turn out to be no change. */
export function restartsOf(changes: readonly Change[]): readonly Change[] {
  return changes.filter((change) => change.class === "restart" && !hasUnknown(change.next));
}

export function refusedRestart(name: string, host: string, restarts: readonly Change[]): KvmError {
  const reasons = restarts.map(({ property, reason }) => (reason ? `${property} (${reason})` : property));
  return new KvmError("invalid", {
    step: `update VirtualMachine ${name}`,
    host,
    reason: `${reasons.join(", ")} would need a restart of the guest, and changePolicy is "refuse"; nothing was changed`,
    remedy: 'set changePolicy to "stage" (write it for the next start) or "restart", or take the change back',
  });
}

/**
 * libvirt renames only a domain that is off, and takes no other name for a uuid that it knows. Answers the definition
 * under the new name.
 */
async function rename(domain: Domain, before: Element, olds: Values, news: Inputs, context: Context): Promise<Element> {
  if (await domain.isActive()) await stop(domain, news, context);
  await domain.rename(news.name);
  const now = clone(before);
  setText(ensure(now, "name"), news.name);
  if (keepVariables(now, olds)) await domain.redefine(now);
  return now;
}

/** What the guest had when it was saved is what it goes on with. */
function warnOfSavedState({ name }: Domain, context: Context): void {
  context.warn(
    `${name} has a saved state (virsh managedsave): it resumes with the old configuration, and what cannot change as it runs waits for the start after that. \`virsh managedsave-remove ${name}\` drops the saved state`,
  );
}

/** Stops the guest when something waits for its next start and the policy is to restart. Answers how it is then. */
async function restartIfWanted(
  domain: Domain,
  config: Element,
  olds: Values,
  news: Inputs,
  context: Context,
): Promise<Present> {
  const now = await domain.present(config);
  const { live } = now;
  if (!live || news.changePolicy !== "restart" || news.state === "stopped") return now;
  const waiting = residue(rows, news, live, config);
  const gone = takenOut(rows, olds, news, { live, config, waiting });
  const all = [...pendingOf(waiting), ...gone, ...untold(rows, olds, news, { live, config })];
  const pending = all.filter((property) => !isIgnored(property, context.meta?.ignoreChanges));
  if (pending.length === 0) return now;
  context.info(`restarting the guest for ${pending.join(", ")}`);
  await stop(domain, news, context);
  return { power: "stopped", live: undefined };
}

function report(pending: readonly unknown[], context: Context): void {
  if (pending.length === 0) return;
  context.warn(
    `waits for the next start of the guest: ${pending.join(", ")} (changePolicy: "restart" does it at once)`,
  );
}
