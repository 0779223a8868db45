import { type ErrorCode, type ErrorDetails, KvmError } from "../core/errors";
import type { Context } from "../core/handler";
import { isSameStack, nameIn } from "../core/identity";
import { isAtWork, isLeftOut, noteWait } from "../core/under-way";
import { poll } from "./poll";

/** Seconds that another resource, while nothing is done to it, is given to let go of what this one is to have. */
const patience = 20;

/** The refusal of what another object of the host has. */
export class Taken extends KvmError {
  constructor(
    details: ErrorDetails,
    /** The resource that made that object, where one of ours did. */
    readonly holder: string | undefined,
    code: ErrorCode = "conflict",
  ) {
    super(code, details);
  }
}

/**
 * Does what is refused as long as another resource of the stack has what it takes: that may be on its way from the one to
 * the other, and Pulumi changes both at a time, in any order. Others are not waited for. `step` completes "Unable to ...".
 */
export async function onceFree<T>(step: string, { meta, signal, progress }: Context, work: () => Promise<T>) {
  const isSibling = (urn: string | undefined): urn is string =>
    meta !== undefined && urn !== undefined && urn !== meta.urn && isSameStack(urn, meta.urn);
  let refusal: Taken | undefined;
  let since = 0;
  try {
    const done = await poll({ step, seconds: Number.POSITIVE_INFINITY, signal }, async () => {
      try {
        return { result: await work() };
      } catch (error) {
        if (!(error instanceof Taken) || !isSibling(error.holder)) {
          refusal = undefined;
          throw error;
        }
        if (!refusal) progress(`waiting for ${nameOf(error)} to let go: ${error.details.reason}`);
        if (meta) noteWait(meta.urn, error.holder);
        const now = performance.now();
        // A guest may take its time to let go of a device, or to shut down.
        if (!refusal || isAtWork(error.holder)) since = now;
        refusal = error;
        if (now - since > patience * 1000) throw givenUp(refusal, meta?.urn);
        return undefined;
      }
    });
    return (done as { readonly result: T }).result;
  } catch (error) {
    throw refusal && error instanceof KvmError && error.code === "cancelled" ? inVain(error, refusal) : error;
  } finally {
    if (meta) noteWait(meta.urn, undefined);
  }
}

/** Who ends the wait, or has given it a time, is told what it was for. */
function inVain({ details, code }: KvmError, refusal: Taken): KvmError {
  const reason = `${details.reason}, while it waited for ${nameOf(refusal)} to let go: ${refusal.details.reason}`;
  return new KvmError(code, { ...details, reason });
}

/**
 * The engine makes before it deletes, and deletes nothing where making has failed: what a resource has that is gone from the
 * program, no second run brings about. A guest may keep until its next start what is taken from it.
 */
function givenUp(refusal: Taken, urn: string | undefined): KvmError {
  const { details, code, holder } = refusal;
  const remedy =
    holder !== undefined && urn !== undefined && isLeftOut(holder, urn)
      ? `${nameOf(refusal)} was not asked for in this run. If the program has it no more, delete it first, for Pulumi does so only when all else is made, and then run pulumi up again: pulumi destroy --target '${holder}'; else ${details.remedy}`
      : `${details.remedy}; or, where it is to come from ${nameOf(refusal)}, let that one give it up first, by a pulumi up of its own (with a new start of its guest where that waits; what swaps goes by a third value)`;
  return new KvmError(code, { ...details, remedy });
}

function nameOf({ holder }: Taken): string {
  return `the resource "${holder === undefined ? "" : nameIn(holder)}"`;
}
