import type { Rows } from "../core/attribute";
import type { Bookkeeping, Made } from "../core/definition";
import { bareReason, isConnectionLost, KvmError } from "../core/errors";
import type { Values } from "../core/handler";
import { Unfinished } from "../core/unfinished";
import { namedByEither } from "./document";
import { explain, type Step } from "./failure";

/** An update that failed and left the object neither as it was nor as it should be. */
export class NotTakenBack extends KvmError {}

/** Whether after this failure of an update the object may be anything between what it was and what was asked for. */
export function isHalfDone(error: unknown): error is KvmError {
  return isConnectionLost(error) || error instanceof NotTakenBack;
}

/** Brings in force what an update has written; where that fails `back` puts the former definition back, which the error says. */
export async function orTakeBack(step: Step, work: () => Promise<void>, back: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    const { code, details } = explain(step, error);
    try {
      await back();
    } catch (second) {
      throw new NotTakenBack(code, {
        ...details,
        reason: `${details.reason}; putting the former definition back failed too: ${bareReason(second)}`,
        remedy: `${details.remedy ?? "remove the cause"}\n  Then run pulumi up again: it goes on to what the program says`,
      });
    }
    throw new KvmError(code, { ...details, reason: `${details.reason}; the former definition is in force again` });
  }
}

/** An update of an object of which nobody knows how far it came. */
interface CutOff {
  readonly rows: Rows;
  /** Id and outputs that the object has in any case. */
  readonly made: Pick<Made<Values>, "id" | "outputs">;
  /** The state of before. */
  readonly olds: Values;
  readonly news: Values;
  /** The managed values as the wish would have them. */
  readonly written: Values;
}

/**
 * What an update ends with whose connection was lost since it sent a definition, or that could not be taken back. The
 * next run updates in any case. The state keeps the former inputs, and names what the wish would add as if it were there:
 * a program that takes the wish back takes it off the host, and a refresh finds what is not there.
 */
export function cutOff({ rows, made, olds, news, written }: CutOff, cause: Error): Unfinished {
  const { applied = {} } = (olds["__kvm"] ?? {}) as Partial<Bookkeeping>;
  const inputs = namedByEither(rows, news, olds);
  return new Unfinished({ ...made, applied: namedByEither(rows, written, applied) }, cause, inputs);
}
