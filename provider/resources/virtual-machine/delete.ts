import { isNotFound, KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { handedOver, readMark } from "../ownership";
import type { Domain } from "./domain";
import { addedIn, returnPages } from "./guest-pages";
import { clearMark } from "./mark";
import { stop } from "./power";
import type { Inputs } from "./rows";
import { variablesGo } from "./variables";

/**
 * Deletes the domain with what libvirt keeps for it alone; disks, firmware and files of others stay. One that was
 * adopted may be left, one that is gone is as it should be.
 */
export async function remove(domain: Domain, state: Inputs & Values, context: Context): Promise<"left" | "deleted"> {
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
  try {
    await stop(domain, state, context);
    await returnPages(domain, addedIn(document), context);
    const go = await variablesGo(domain, document, state, context);
    await domain.undefine(go ? "remove-nvram" : "keep-nvram");
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

function wouldLose(domain: Domain, ways: readonly string[]): KvmError {
  return new KvmError("denied", {
    step: `delete VirtualMachine ${domain.name}`,
    host: domain.host,
    reason: `it has ${ways.join(", ")}; nothing was changed`,
    remedy:
      "set deleteSnapshots: true and run pulumi up, then delete it: what libvirt knows of them goes, their data stays in the volumes",
  });
}
