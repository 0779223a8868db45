import type { Change } from "../../core/diff";
import { KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { isIgnored } from "../../core/ignored";
import { isSameAt } from "../../core/paths";
import type { Element } from "../../schema/tree";
import { namedByEither } from "../document";
import { isPin } from "./cpu-tuning";
import type { Domain } from "./domain";
import { inOrder, Operation, operationFor } from "./live";
import { residue } from "./pending";
import { isGuestRefusal } from "./refusal";
import { type Inputs, operations, rows } from "./rows";

/** How an update goes about it. */
interface Manner {
  /** The vCPUs stay where they are. */
  readonly waits?: boolean;
  /** Properties that an earlier run has asked for already. */
  readonly left?: readonly string[];
}

/** Does to the running guest all that can be done to it as it runs. */
export async function applyLive(
  domain: Domain,
  { live, config }: { readonly live: Element; readonly config: Element },
  olds: Values,
  news: Inputs,
  context: Context,
  { waits = false, left = [] }: Manner = {},
): Promise<void> {
  const done = new Set<string>();
  for (const change of inOrder(residue(rows, namedByEither(rows, olds, news), live, config))) {
    const found = change.class === "live" ? operationFor(operations, change) : undefined;
    if (!found || done.has(found.once) || (waits && isPin(change))) continue;
    if (isIgnored(change.property, context.meta?.ignoreChanges)) continue;
    done.add(found.once);
    context.progress(`changing ${change.property} in the running guest`);
    const isAsked = !isSame(change, olds, news);
    const operation = new Operation(domain, change, config, context, left.includes(change.property));
    const mayRefuse = isAsked && news.changePolicy === "refuse";
    if (!(await orLeave(domain, change, mayRefuse, context, () => found.operation(operation)))) return;
  }
}

/** Whether the program says of the device, or of the value, what it said before: the guest alone has it otherwise. */
function isSame({ path }: Change, olds: Values, news: Values): boolean {
  return isSameAt(olds, news, path.slice(0, 2));
}

/**
 * What the running guest refuses is left to `changePolicy`: it is written already, and waits for the next start. With
 * `mayRefuse` it fails instead; for drift of the guest there is nothing that the program could take back. Answers whether
 * the guest still runs: one that went off meanwhile has refused nothing, and has all of it at its next start.
 */
async function orLeave(
  domain: Domain,
  { property }: Change,
  mayRefuse: boolean,
  context: Context,
  operation: () => Promise<void>,
): Promise<boolean> {
  try {
    await operation();
  } catch (error) {
    if (!isGuestRefusal(error)) throw error;
    if (!(await domain.isActive())) {
      context.warn(
        `the guest went off while ${property} was changed as it ran: what is written holds from its next start`,
      );
      return false;
    }
    const { reason } = error.details;
    if (mayRefuse) {
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
  return true;
}
