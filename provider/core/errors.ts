/** What kind of failure this is; decides what callers may conclude from it. */
export type ErrorCode =
  | "not-found"
  | "conflict"
  | "unreachable"
  | "connection-lost"
  | "timeout"
  | "denied"
  | "unsupported"
  | "invalid"
  | "busy"
  | "cancelled"
  | "internal";

/** The parts of an error message, in the order in which a tired reader needs them. */
export interface ErrorDetails {
  /** What we were doing: "start VirtualMachine web". Completes "Unable to ...". */
  readonly step: string;
  /** Address of the host as the user wrote it. */
  readonly host?: string | undefined;
  /** What libvirt, ssh or the system said, or what is wrong in our words. */
  readonly reason: string;
  /** What to do next, as an imperative sentence. */
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** The one error that the provider shows to users. */
export class KvmError extends Error {
  override readonly name = "KvmError";

  constructor(
    readonly code: ErrorCode,
    readonly details: ErrorDetails,
  ) {
    const where = details.host === undefined ? "" : ` on ${details.host}`;
    const remedy = details.remedy === undefined ? "" : `\n  What to do: ${details.remedy}`;
    super(`Unable to ${details.step}${where}: ${details.reason}${remedy}`, { cause: details.cause });
  }
}

/** True for an error that proves that this very object does not exist on the host. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KvmError && error.code === "not-found";
}

/** True when the host went out of reach: what it was asked for may have been done or not. */
export function isConnectionLost(error: unknown): error is KvmError {
  return error instanceof KvmError && error.code === "connection-lost";
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong, without the step and the remedy that a message of ours has around it: for use in another message. */
export function bareReason(error: unknown): string {
  return error instanceof KvmError ? error.details.reason : messageOf(error);
}

/** State says what lives on which machine; another one behind its address must never be taken for it. */
export function anotherMachine(step: string, host: string, found: string, expected: string): KvmError {
  return new KvmError("conflict", {
    step,
    host,
    reason: `another machine answers at this address: its host uuid is ${found}, expected was ${expected}`,
    remedy: `give the address of the machine that the state knows; for another machine declare another Host and move the guests to it. If it is the same machine, set host_uuid = "${expected}" in its /etc/libvirt/virtqemud.conf (libvirtd.conf where it runs libvirtd) and restart that daemon: one that was installed anew may have another uuid, and where the firmware tells none libvirt makes one up at each start`,
  });
}
