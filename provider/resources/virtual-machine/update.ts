import type { Made } from "../../core/definition";
import type { Change } from "../../core/diff";
import { isConnectionLost, KvmError, messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { isIgnored } from "../../core/ignored";
import { isAt, isSameAt } from "../../core/paths";
import { clone, type Element, ensure, setText } from "../../schema/tree";
import { namedByEither, readRows } from "../document";
import { type Leases, leasesBefore, noLeases } from "./addresses";
import { nameDevices } from "./adopted";
import { applyLive } from "./apply-live";
import { judgeUpdate } from "./before-update";
import { leftBy } from "./behind";
import { requirePolicy } from "./change-policy";
import { unfinished } from "./create";
import { Domain, type Present } from "./domain";
import { addedIn, restorePages, tidyPages } from "./guest-pages";
import { putSecret } from "./launch-attestation";
import { removeMediated, withLeftovers } from "./mediated-devices";
import { forgetLostPorts } from "./nic-ports";
import { observe, type outputs } from "./outputs";
import { pendingOf, residue, takenOut, untold } from "./pending";
import { placementIn } from "./placement";
import { enforcePower, resumeHeld, stop } from "./power";
import { requireTaken } from "./read-back";
import { asBefore, asEither, asWritten } from "./roll-back";
import { type Inputs, rows } from "./rows";
import { behindIn, stillLeftIn, waitingIn } from "./run-note";
import { type Settled, settle, type UpdateSite } from "./settle";
import { StartWait } from "./start-wait";
import { keepVariables } from "./variables";

type MadeDomain = Made<typeof outputs>;

/** An update under way. */
interface Run extends UpdateSite {
  /** Whether a refresh has found a NIC off its network: ports that the network has forgotten are looked for. */
  readonly looksAtPorts: boolean;
}

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
  const looksAtPorts = behindIn(olds).some((property) => isAt(property.split("."), ["nics", "*", "network"]));
  const run = { ...found, domain, olds, news, context, renamed: news.name !== domain.name, looksAtPorts };
  await judgeUpdate(run, changes);
  const mayStart = found.power === "stopped" || news.changePolicy === "restart";
  const leases = mayStart ? await leasesBefore(domain, news) : noLeases;
  const settled = await write(run);
  const config = await applyToGuest(run, settled);
  return finish(run, settled, config, leases);
}

/** Writes the definition, under its new name where it gets one. */
async function write(run: Run): Promise<Settled> {
  const { domain, olds, news, before, live, renamed, context } = run;
  let isSent = false;
  const steps = {
    judge: (moved: readonly Change[]) => requirePolicy(domain, news, moved, !!live),
    sending: () => {
      isSent = true;
    },
  };
  try {
    const now = renamed ? await rename(domain, before, olds, news, context) : before;
    return await settle({ ...run, before: now }, steps);
  } catch (error) {
    // A rename stops the guest, and may be done though its answer was lost.
    const isOpen = isSent ? isCutOff(error, context) : renamed && isConnectionLost(error);
    if (isOpen) throw await asEither(run, error);
    throw renamed ? await asBefore({ ...run, hasStopped: !!live }, error) : error;
  }
}

/** Changes the running guest, once libvirt has shown what it took. Answers the definition as it shows it. */
async function applyToGuest(run: Run, settled: Settled): Promise<Element> {
  const { domain, olds, news, live, renamed, looksAtPorts, context } = run;
  const { differs, wanted, known, from, to, had } = settled;
  try {
    const config = differs ? await domain.inactiveAfter(wanted) : wanted;
    requireTaken(domain, to, { wanted, config }, context);
    await putSecret(domain, news, olds);
    // One that is to be off now has it all at its next start.
    if (live && !renamed && news.state !== "stopped") {
      requireLive(domain, { live, config }, from, to);
      await resumeHeld(domain, run, news);
      if (looksAtPorts) await forgetLostPorts(domain, live);
      const left = stillLeftIn(olds, news);
      await applyLive(domain, { live, config }, had, to, context, { waits: movesCells(olds, known), left });
    }
    return config;
  } catch (error) {
    if (isCutOff(error, context)) throw await asWritten(run, error, settled);
    if (differs || renamed) throw await asBefore({ ...run, hasStopped: renamed && !!live, settled }, error);
    throw await unfinished(domain, olds, error, olds, { ignored: context.meta?.ignoreChanges });
  }
}

/** Refuses what the preview did not know to wait, as the guest was started anew since somebody has last looked at it. */
function requireLive(
  domain: Domain,
  { live, config }: { readonly live: Element; readonly config: Element },
  from: Inputs,
  to: Inputs,
): void {
  if (to.changePolicy !== "refuse") return;
  const isAsked = ({ path }: Change) => !isSameAt(from, to, path);
  requirePolicy(domain, to, residue(rows, namedByEither(rows, from, to), live, config).filter(isAsked), true);
}

/** Restarts the guest where that is wanted, and brings its power state about. */
async function finish(run: Run, settled: Settled, config: Element, leases: Leases): Promise<MadeDomain> {
  const { domain, olds, news, live, isPersistent, autostart, looksAtPorts, context } = run;
  const { differs, wanted, known, to, had } = settled;
  const ignored = context.meta?.ignoreChanges;
  const wait = new StartWait(domain, news, olds, wanted);
  let isOff = false;
  try {
    if (autostart !== news.autostart || !isPersistent) await domain.setAutostart(news.autostart);
    let now = await restartIfWanted(domain, config, had, to, context);
    const isSaved = now.power === "stopped" && (await domain.hasSavedState());
    if (isSaved && differs) warnOfSavedState(domain, context);
    if (!live && news.state !== "stopped") await restorePages(domain, news, wanted, context);
    const begin = () => wait.begin(leases);
    isOff = !!live && now.power === "stopped" && news.state !== "stopped";
    const started = await enforcePower(domain, news, context, begin, now);
    if (started && isSaved) {
      await applyLive(domain, { live: await domain.live(config), config }, had, to, context);
      now = await restartIfWanted(domain, config, had, to, context);
      isOff = now.power === "stopped";
      await enforcePower(domain, news, context, begin, now);
    }
    isOff = false;
    if (addedIn(wanted).length > 0 && (started || !live)) await tidyPages(domain, news, placementIn(known), context);
    await wait.end(context);
    // One that the running guest still has stays for its owner to take away; the message says how.
    await removeMediated(domain.libvirt, olds, news).catch((error: unknown) => {
      if (isCutOff(error, context)) throw error;
      context.warn(messageOf(error));
    });
    const isAsSeen = now.power === news.state;
    const seen = started ? {} : { config, autostart: news.autostart, ...(isAsSeen && { now }) };
    const done = { before: olds, anew: started, isDone: true, looksAtPorts, ignored };
    const { made } = await observe(domain, news, known, { ...done, ...seen });
    report(waitingIn(made.outputs), news, context);
    return made;
  } catch (error) {
    if (isOff && !isConnectionLost(error)) throw await asBefore({ ...run, hasStopped: true, settled }, error);
    const applied = readRows(rows, to, config);
    const left = { due: wait.due, ignored, applied, before: olds };
    throw await unfinished(domain, withLeftovers(news, olds), error, known, left);
  }
}

/** Whether nobody knows any more what the host has of it. */
function isCutOff(error: unknown, { signal }: Context): boolean {
  return isConnectionLost(error) || signal.aborted;
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

/**
 * libvirt renames only a domain that is off, and takes no other name for a uuid that it knows. Answers the definition
 * under the new name.
 */
async function rename(domain: Domain, before: Element, olds: Values, news: Inputs, context: Context): Promise<Element> {
  if (await domain.isActive()) await stop(domain, news, context);
  const now = clone(before);
  // Ahead of it: whatever comes in between, no start under the new name makes new variables.
  if (keepVariables(now, olds)) await domain.redefine(now);
  await domain.rename(news.name);
  setText(ensure(now, "name"), news.name);
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
  const gone = takenOut(rows, olds, news, { live, config, waiting }).map(({ property }) => property);
  const isLeft = leftBy(olds, news);
  const due = pendingOf(waiting.filter((change) => !isLeft(change)));
  const all = [...due, ...gone, ...untold(rows, olds, news, { live, config, waiting })];
  const pending = all.filter((property) => !isIgnored(property, context.meta?.ignoreChanges));
  if (pending.length === 0) return now;
  context.info(`restarting the guest for ${pending.join(", ")}`);
  await stop(domain, news, context);
  return { power: "stopped", live: undefined };
}

function report(pending: readonly unknown[], { changePolicy }: Inputs, context: Context): void {
  if (pending.length === 0) return;
  const how =
    changePolicy === "restart"
      ? "others wrote it, or a restart has not brought it about"
      : 'changePolicy: "restart" does it at once';
  context.warn(`waits for the next start of the guest: ${pending.join(", ")} (${how})`);
}
