import type { Change } from "../../core/diff";
import { isConnectionLost, KvmError, messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { type Made, Unfinished } from "../../core/resource";
import { hasUnknown } from "../../core/unknown";
import { type Element, ensure, setText } from "../../schema/tree";
import { leasesBefore, noLeases } from "./addresses";
import { nameDevices } from "./adopted";
import { isPin } from "./cpu-tuning";
import { unfinished } from "./create";
import { Domain } from "./domain";
import { addedIn, restorePages, tidyPages } from "./guest-pages";
import { requireHardware, type Touched } from "./hardware";
import { refuseWhileBusy } from "./jobs";
import { warnOfSlowDisks } from "./latency-advice";
import { putSecret } from "./launch-attestation";
import { inOrder, Operation, operationFor } from "./live";
import { removeMediated } from "./mediated-devices";
import { warnOfMitigations } from "./mitigations";
import { observe, type outputs } from "./outputs";
import { namedByEither, pendingOf, residue, takenOut } from "./pending";
import { effective, placementIn } from "./placement";
import { enforcePower, stop } from "./power";
import type { PowerState } from "./power-state";
import { requireTaken } from "./read-back";
import { isGuestRefusal } from "./refusal";
import { type Inputs, operations, rows } from "./rows";
import { warnOfIsolation } from "./security";
import { settle } from "./settle";
import { StartWait } from "./start-wait";
import { warnOfTpmState } from "./tpm";
import { keepVariables } from "./variables";

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
  const { power, before, live, isPersistent, autostart } = (await domain.look()) ?? absent(domain);
  refuse(domain, news, changes, live !== undefined);
  if (live) await refuseWhileBusy(domain, live);
  // What the domain had before is its own.
  const touched: Touched = (...names) => changes.some(({ path }) => names.some((name) => name === path[0]));
  await requireHardware(domain.libvirt, news, domain.uuid, touched);
  warnOfIsolation(news, context);
  warnOfTpmState(olds, news as Values, domain.uuid, context);
  if (touched("cpu")) await warnOfMitigations(domain.libvirt, news, context);
  if (touched("disks", "profile")) warnOfSlowDisks(news, context);
  const mayStart = power === "stopped" || news.changePolicy === "restart";
  const leases = mayStart ? await leasesBefore(domain, news) : noLeases;
  const renamed = news.name !== domain.name;
  if (renamed) await rename(domain, before, olds, news, context);
  const site = { domain, olds, news, before, live, isPersistent, context };
  const { differs, wanted, known, giveBack } = await settle(site, (moved) => refuse(domain, news, moved, !!live));
  const [from, to] = [effective(olds, olds), effective(news, known)];
  let config = before;
  try {
    if (differs) config = await domain.inactiveAfter(wanted);
    requireTaken(domain, to, { wanted, config }, context);
    if (live && !renamed) await applyLive(domain, { live, config }, from, to, context, movesCells(olds, known));
    await putSecret(domain, news, olds);
  } catch (error) {
    const failed = await rolledBack(domain, differs ? before : undefined, olds, to, context, error);
    await giveBack().catch((failure: unknown) => context.warn(messageOf(failure)));
    throw failed;
  }
  const wait = new StartWait(domain, news, olds, before);
  let restarts = false;
  try {
    if (autostart !== news.autostart || !isPersistent) await domain.setAutostart(news.autostart);
    const now = await restartIfWanted(domain, from, to, differs, context);
    if (!live && news.state !== "stopped") await restorePages(domain, news, wanted, context);
    restarts = power === "running" && now.power === "stopped" && news.state === "running" && !renamed;
    const started = await enforcePower(domain, news, context, () => wait.begin(leases), now);
    restarts = false;
    if (addedIn(wanted).length > 0 && (started || !live)) await tidyPages(domain, news, placementIn(known), context);
    await wait.end(context);
    // One that the running guest still has stays for its owner to take away; the message says how.
    await removeMediated(domain.libvirt, olds, news).catch((error: unknown) => context.warn(messageOf(error)));
    const seen = started ? {} : { config, state: { power: news.state }, autostart: news.autostart };
    const { made } = await observe(domain, news, known, { before: olds, anew: started, ...seen });
    report(made.outputs.pendingRestart, context);
    return made;
  } catch (error) {
    if (!restarts || isConnectionLost(error)) throw await unfinished(domain, news, error, known, wait.due);
    const failed = await startedAsBefore(domain, before, olds, error);
    await giveBack().catch((failure: unknown) => context.warn(messageOf(failure)));
    throw failed;
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
  const restarts = restartsOf(changes);
  if (!active || news.changePolicy !== "refuse" || restarts.length === 0) return;
  throw refusedRestart(domain.name, domain.host, restarts);
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
 * libvirt renames only a domain that is off, and takes no other name for a uuid that it knows. `before` is then what
 * the domain has under its new name.
 */
async function rename(domain: Domain, before: Element, olds: Values, news: Inputs, context: Context): Promise<void> {
  if (await domain.isActive()) {
    if (news.changePolicy !== "restart" && news.state !== "stopped") {
      throw new KvmError("invalid", {
        step: `rename VirtualMachine ${domain.name} to ${news.name}`,
        host: domain.host,
        reason: "libvirt renames only a domain that is off; nothing was changed",
        remedy: 'set changePolicy: "restart" or state: "stopped" for this update',
      });
    }
    await stop(domain, news, context);
  }
  await domain.rename(news.name);
  setText(ensure(before, "name"), news.name);
  if (keepVariables(before, olds)) await domain.redefine(before);
}

/** Does to the running guest all that can be done to it as it runs. */
async function applyLive(
  domain: Domain,
  { live, config }: { readonly live: Element; readonly config: Element },
  olds: Values,
  news: Inputs,
  context: Context,
  waits = false,
): Promise<void> {
  const done = new Set<string>();
  for (const change of inOrder(residue(rows, namedByEither(rows, olds, news), live, config))) {
    const found = change.class === "live" ? operationFor(operations, change) : undefined;
    if (!found || done.has(found.once) || (waits && isPin(change))) continue;
    done.add(found.once);
    context.progress(`changing ${change.property} in the running guest`);
    await orLeave(domain, change, news, context, () => found.operation(new Operation(domain, change, config, context)));
  }
}

/** What the running guest refuses is left to `changePolicy`: it is written already, and waits for the next start. */
async function orLeave(
  domain: Domain,
  { property }: Change,
  { changePolicy }: Inputs,
  context: Context,
  operation: () => Promise<void>,
): Promise<void> {
  try {
    await operation();
  } catch (error) {
    if (!isGuestRefusal(error)) throw error;
    const { reason } = error.details;
    if (changePolicy === "refuse") {
      throw new KvmError("invalid", {
        step: `change ${property} of the running VirtualMachine ${domain.name}`,
        host: domain.host,
        reason: `${reason}; a restart of the guest would do it, and changePolicy is "refuse"`,
        remedy: 'set changePolicy to "stage" (write it for the next start) or "restart", or take the change back',
        cause: error,
      });
    }
    context.warn(`the running guest did not take ${property} (${reason}): it needs a new start for it`);
  }
}

/** Puts the former definition in force again, and takes back what was already changed in the running guest. */
async function rolledBack(
  domain: Domain,
  before: Element | undefined,
  olds: Inputs & Values,
  news: Inputs,
  context: Context,
  error: unknown,
): Promise<Error> {
  const cause = error instanceof Error ? error : new Error(messageOf(error));
  if (!before || isConnectionLost(cause)) return unfinished(domain, olds, cause, olds);
  let isActive = false;
  try {
    await domain.redefine(before);
    const { live, before: config } = (await domain.look()) ?? absent(domain);
    isActive = live !== undefined;
    if (live) await applyLive(domain, { live, config }, news, effective(olds, olds), context);
  } catch (failure) {
    const text = `${cause.message}\n  The former state could not be put back in all either: ${messageOf(failure)}`;
    return unfinished(domain, olds, new Error(text, { cause }), olds);
  }
  const note = `\n  The former definition is in force again${isActive ? " and the guest keeps running" : "; the guest is off"}.`;
  const failed = await unfinished(domain, olds, new Error(cause.message + note, { cause }), olds);
  return failed instanceof Unfinished ? failed : cause;
}

/** A guest that was stopped for a restart, and does not start as it was to be, runs again as it did. */
async function startedAsBefore(domain: Domain, before: Element, olds: Inputs & Values, error: unknown): Promise<Error> {
  const cause = error instanceof Error ? error : new Error(messageOf(error));
  try {
    await domain.redefine(before);
    await domain.start(false);
  } catch (failure) {
    const text = `${cause.message}\n  The guest is off, and could not be started as it was before either: ${messageOf(failure)}`;
    return unfinished(domain, olds, new Error(text, { cause }), olds);
  }
  const note = "\n  The former definition is in force again, and the guest was started with it.";
  return unfinished(domain, olds, new Error(cause.message + note, { cause }), olds);
}

/** Answers the power state that the guest has then. */
async function restartIfWanted(
  domain: Domain,
  olds: Values,
  news: Inputs,
  changed: boolean,
  context: Context,
): Promise<PowerState> {
  const now = await domain.powerState();
  if (now.power === "stopped") {
    if (changed && (await domain.hasSavedState())) {
      context.warn(
        `${domain.name} has a saved state (virsh managedsave): it resumes with the old configuration, and what was changed waits for the start after that. \`virsh managedsave-remove ${domain.name}\` drops the saved state`,
      );
    }
    return now;
  }
  if (news.changePolicy !== "restart" || news.state === "stopped") return now;
  const config = await domain.inactive();
  const live = await domain.live(config);
  const waiting = residue(rows, news, live, config);
  const pending = [...pendingOf(waiting), ...takenOut(rows, olds, news, { live, config, waiting }).properties];
  if (pending.length === 0) return now;
  context.info(`restarting the guest for ${pending.join(", ")}`);
  await stop(domain, news, context);
  return { power: "stopped" };
}

function report(pending: unknown, context: Context): void {
  if (!Array.isArray(pending) || pending.length === 0) return;
  context.warn(
    `waits for the next start of the guest: ${pending.join(", ")} (changePolicy: "restart" does it at once)`,
  );
}
