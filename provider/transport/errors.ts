/** Why no stream to the daemon could be had; decides what callers may conclude and whether a retry makes sense. */
export type TransportErrorCode =
  /** The URI or an option is wrong; nothing was tried. */
  | "invalid"
  /** No route, no such name, or an established connection was lost. */
  | "unreachable"
  /** The server accepted none of our keys. Never retried. */
  | "auth"
  /** The server's key is unknown, changed or revoked. Never retried. */
  | "host-key"
  /** Something answered and said no: closed port, missing or forbidden socket. */
  | "refused"
  /** What answered does not speak the expected protocol. */
  | "protocol"
  | "timeout";

/** The parts of a message, in the order in which a tired reader needs them. */
export interface TransportErrorDetails {
  /** What we were doing: "log in". Completes "Unable to ...". */
  readonly step: string;
  /** Where: "root@rack1:22", a socket path, or the URI. */
  readonly host: string;
  readonly reason: string;
  /** What to do next, as an imperative sentence. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** The one error that this folder throws, apart from an AbortSignal's own reason. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly step: string;
  readonly host: string;
  readonly reason: string;
  readonly remedy: string | undefined;

  constructor(
    readonly code: TransportErrorCode,
    details: TransportErrorDetails,
  ) {
    const remedy = details.remedy === undefined ? "" : `\n  What to do: ${details.remedy}`;
    super(`Unable to ${details.step} on ${details.host}: ${details.reason}${remedy}`, { cause: details.cause });
    this.step = details.step;
    this.host = details.host;
    this.reason = details.reason;
    this.remedy = details.remedy;
  }
}

/** What to do where a server takes a command and does not end it. */
export const HANGING_SHELL =
  "try by hand: ssh to that host and run it. Something that the shell runs there at each login may wait (~/.bashrc, ForceCommand).";

/** The text of whatever was thrown, without its class name. */
export function reasonOf(error: unknown): string {
  if (error instanceof TransportError) return error.reason;
  return error instanceof Error ? error.message : String(error);
}

/** The errno name of a system error ("ECONNREFUSED"), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
