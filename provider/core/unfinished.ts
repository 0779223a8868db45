import type { Made } from "./definition";
import type { Values } from "./handler";

/**
 * Thrown by create and update when the object exists but is not what was asked for: what is true of it is kept in
 * state, and the next `up` goes on from there.
 */
export class Unfinished extends Error {
  override readonly name = "Unfinished";

  constructor(
    readonly made: Made<Values>,
    override readonly cause: Error,
    /** The inputs that are in force. Default: the wanted ones. */
    readonly inputs?: Values,
  ) {
    super(cause.message, { cause });
  }
}
