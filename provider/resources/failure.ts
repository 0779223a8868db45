import { anotherMachine, type ErrorCode, KvmError, messageOf } from "../core/errors";
import { ConnectionLost, errorCode, isNotFoundCode, LibvirtError, WrongHost } from "../libvirt/errors";
import { unwritableRemedy } from "./unwritable";

/** What was being done, for the message of whatever goes wrong in it. */
export interface Step {
  /** Completes "Unable to ...": "start VirtualMachine web". */
  readonly step: string;
  readonly host: string;
  /** What to do, by what libvirt said, or always the same, unless it could not write. */
  readonly remedy?: string | ((said: string) => string | undefined);
}

/** Runs `work`; whatever it throws becomes a KvmError that names the step and the host. */
export async function attempt<T>(step: Step, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(step, error);
  }
}

/** Like `attempt`, where a refusal of libvirt's is an answer as well: `meaning` tells which, or throws it again. */
export function unlessRefused<T, R>(
  step: Step,
  work: () => Promise<T>,
  meaning: (refusal: LibvirtError) => R | Promise<R>,
): Promise<T | R> {
  return attempt<T | R>(step, () =>
    work().catch((error: unknown) => {
      if (error instanceof LibvirtError) return meaning(error);
      throw error;
    }),
  );
}

/** Like `attempt`, but answers undefined when libvirt says that this very object does not exist. */
export function ifFound<T>(step: Step, work: () => Promise<T>): Promise<T | undefined> {
  return unlessRefused(step, work, (refusal) => {
    if (isNotFoundCode(refusal.code)) return undefined;
    throw refusal;
  });
}

/** What somebody else may be faster to do: a failure counts as long as it `isLeft` to do, or the host cannot tell. */
export async function unlessDone(work: Promise<unknown>, isLeft: () => Promise<boolean>): Promise<void> {
  await work.catch(async (error: unknown) => {
    if (await isLeft().catch(() => true)) throw error;
  });
}

/** What was thrown, as a KvmError that names the step and the host. */
export function explain({ remedy: advice, ...where }: Step, error: unknown): KvmError {
  if (error instanceof KvmError) return error;
  const step = { ...where, remedy: adviceOn(advice, error) };
  if (error instanceof LibvirtError) {
    return new KvmError(codeOf(error), { ...step, reason: `libvirt said: ${error.message}`, cause: error });
  }
  if (error instanceof ConnectionLost) {
    const reason = `${error.message}${error.sent ? "; libvirt may have done it all the same" : ""}`;
    // A step's own remedy answers what libvirt says, which here is nothing.
    const again = "run pulumi up again when the host can be reached: it finds what was done and goes on";
    const remedy = error.remedy === undefined ? again : `${error.remedy}\n  Then ${again}`;
    return new KvmError("connection-lost", { ...step, remedy, reason, cause: error });
  }
  if (error instanceof WrongHost) {
    // In the midst of work it is as if the host were gone: there is nothing to put back on another one.
    return new KvmError("connection-lost", anotherMachine(where.step, where.host, error.found, error.expected).details);
  }
  return new KvmError("internal", { ...step, reason: messageOf(error), cause: error });
}

function adviceOn(advice: Step["remedy"], error: unknown): string | undefined {
  if (typeof advice === "function") return advice(messageOf(error));
  return (error instanceof LibvirtError ? unwritableRemedy(error.message) : undefined) ?? advice;
}

function codeOf(error: LibvirtError): ErrorCode {
  if (isNotFoundCode(error.code)) return "not-found";
  return byCode[error.code] ?? "internal";
}

/** The errors that say more than "failed". */
const byCode: Readonly<Record<number, ErrorCode>> = {
  [errorCode.noSupport]: "unsupported",
  [errorCode.invalidArg]: "invalid",
  [errorCode.operationFailed]: "conflict",
  [errorCode.xmlError]: "invalid",
  [errorCode.operationDenied]: "denied",
  [errorCode.operationInvalid]: "conflict",
  [errorCode.configUnsupported]: "unsupported",
  [errorCode.operationTimeout]: "timeout",
  [errorCode.argumentUnsupported]: "unsupported",
  [errorCode.operationUnsupported]: "unsupported",
  [errorCode.agentUnresponsive]: "timeout",
  [errorCode.resourceBusy]: "busy",
  [errorCode.accessDenied]: "denied",
  [errorCode.storageVolumeExists]: "conflict",
};
