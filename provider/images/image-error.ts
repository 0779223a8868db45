/** How a caller may treat the failure; a subset of the codes of core/errors. */
export type ImageErrorCode =
  | "invalid"
  | "unsupported"
  | "not-found"
  | "unreachable"
  | "conflict"
  | "cancelled"
  | "internal";

/** An image cannot be used; message and remedy are for the user as they are. */
export class ImageError extends Error {
  override readonly name = "ImageError";

  constructor(
    readonly code: ImageErrorCode,
    message: string,
    /** What to do next, as an imperative sentence. */
    readonly remedy?: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** "ENOENT" and the like, or "". Goes by shape: errors of other realms (jest) are no instance of our Error. */
export function systemCode(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/** The text of whatever was thrown; what fetch hides in its cause goes first. */
export function reasonOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("message" in error)) return String(error);
  const cause = "cause" in error && error.cause !== undefined ? reasonOf(error.cause) : "";
  return cause || String(error.message) || systemCode(error);
}
