import { isNotFound, KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { handedOver, readMark } from "../ownership";
import type { Domain } from "./domain";
import { type Belongings, leavesTpmState } from "./domain-flags";
import { addedIn, returnPages } from "./guest-pages";
import { clearMark } from "./mark";
import { stop } from "./power";
import type { Inputs } from "./rows";
import { hasTpmState } from "./tpm";
import { variablesGo, variablesStay } from "./variables";

/**
 * Deletes the domain with what libvirt keeps for it alone; disks, firmware and files of others stay, and what `next`,
 * made anew in its place, needs of it. One that was adopted may be left, one that is gone is as it should be.
 */
export async function remove(
  domain: Domain,
  state: Inputs & Values,
  context: Context,
  next?: Inputs,
): Promise<"left" | "deleted"> {
  const found = await look(domain, state.deleteSnapshots !== true);
  if (!found) return "deleted";
  const takenOver = handedOver(readMark(found.document), state, context);
  if (takenOver !== undefined) {
    context.info(`${domain.name} stays on the host: ${takenOver}`);
    return "left";
  }
  if (state.deletionProtection) {
    throw new KvmError("denied", {
      step: `delete VirtualMachine ${domain.name}`,
      host: domain.host,
      reason: "deletionProtection is set; nothing was changed",
      remedy: "set deletionProtection: false, run pulumi up, then delete it",
    });
  }
  const { document, ways } = found;
  if (state["adopted"] === true && state.deleteAdopted !== true) {
    if (readMark(document)) await clearMark(domain);
    context.info(`${domain.name} was adopted and stays on the host`);
    return "left";
  }
  if (ways.length > 0) throw wouldLose(domain, ways);
  if (next) requireTpmStays(domain, state, next);
  try {
    await stop(domain, state, context);
    await returnPages(domain, addedIn(document), context);
    await domain.undefine(await belongingsLeft(domain, document, { state, next }, context));
  } catch (error) {
    // One that somebody undefined is gone as soon as it stops.
    if (!isNotFound(error)) throw error;
  }
  return "deleted";
}

/**
 * The definition, and if that is asked for its snapshots and checkpoints, which are somebody's way back. Undefined when
 * the domain is gone.
 */
async function look(domain: Domain, withWays: boolean) {
  try {
    const [document, snapshots, checkpoints] = await Promise.all([
      domain.inactive(),
      withWays ? domain.snapshots() : [],
      withWays ? domain.checkpoints() : [],
    ]);
    const ways = [...snapshots.map((name) => `snapshot ${name}`), ...checkpoints.map((name) => `checkpoint ${name}`)];
    return { document, ways };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function belongingsLeft(
  domain: Domain,
  document: Element,
  { state, next }: { readonly state: Inputs & Values; readonly next: Inputs | undefined },
  context: Context,
): Promise<Belongings> {
  const stays = next !== undefined && variablesStay(document, next, context);
  const nvram = stays || !(await variablesGo(domain, document, state, context));
  return { nvram, tpm: next !== undefined && hasTpmState(next) };
}

/** Refuses to lose the state of a TPM, which disks may be encrypted with. */
function requireTpmStays(domain: Domain, state: Inputs, next: Inputs): void {
  const outlives = domain.libvirt.version >= leavesTpmState || state.tpm?.persistentState === true;
  if (!hasTpmState(state) || !hasTpmState(next) || outlives) return;
  throw new KvmError("denied", {
    step: `make VirtualMachine ${domain.name} anew`,
    host: domain.host,
    reason: "libvirt before 8.9 takes the state of its TPM away with it; nothing was changed",
    remedy:
      "give it tpm.persistentState: true and run pulumi up first; or, where that state may go, take it out of the program, run pulumi up, and put it back",
  });
}

function wouldLose(domain: Domain, ways: readonly string[]): KvmError {
  return new KvmError("denied", {
    step: `delete VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: `it has ${ways.join(", ")}; nothing was changed`,
    remedy:
      "set deleteSnapshots: true and run pulumi up, then delete it: what libvirt knows of them goes, their data stays in the volumes",
  });
}
