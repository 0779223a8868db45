import { type Context, type Handler, PartialFailure, type Values } from "../../provider/core/handler";
import { ConnectionLost } from "../../provider/libvirt/errors";
import type { TestContext } from "./handler-context";

/** A resource on which faults are tried. */
export interface Subject {
  readonly handler: Handler;
  readonly context: TestContext;
  id: string;
  state: Values;
  inputs(args: Values): Values;
}

/** Calls that only read. All others may leave something half done. */
const reads = /_(GET|IS|LOOKUP|LIST|HAS|INTERFACE_ADDRESSES)(_|$)/;

/** Breaks something right before or right after the `at`-th write of an operation, or the first call of that name. */
export interface Fault {
  readonly at: number | string;
  readonly moment: "before" | "after";
  readonly strike: () => Promise<void>;
}

/** The context of the machine with the fault in its way; `struck` names the write at which it came. */
export function withFault(
  { context }: Subject,
  { at, moment, strike }: Fault,
): { context: Context; struck: () => string } {
  let writes = 0;
  let struck = "";
  const connect: Context["connect"] = async (reference) => {
    const libvirt = await context.connect(reference);
    const call = async (name: string, ...rest: unknown[]) => {
      const here = struck === "" && (name === at || (!reads.test(name) && ++writes === at));
      const go = () => Reflect.apply(libvirt.call, libvirt, [name, ...rest]);
      if (!here) return go();
      struck = name;
      if (moment === "before") {
        await strike();
        return go();
      }
      const answer = await go();
      await strike();
      return answer;
    };
    return new Proxy(libvirt, {
      get: (target, key) => (key === "call" ? call : Reflect.get(target, key, target)),
    });
  };
  const { meta, signal, progress, warn, info } = context;
  return { context: { meta, signal, progress, warn, info, connect }, struck: () => struck };
}

/**
 * Runs an update, or a creation, whose connection is lost at a call: before it comes to the host, with its answer, or
 * after it. Nothing reaches the host from then on.
 */
export async function cutOff(
  subject: Subject,
  at: string,
  wanted: Values,
  moment: "before" | "within" | "after",
  operation: "create" | "update" = "update",
): Promise<Error | undefined> {
  const lost = () => Promise.reject(new ConnectionLost("the other side closed it", false));
  let isGone = false;
  const strike = async () => {
    isGone = true;
    if (moment !== "after") await lost();
  };
  const { context } = withFault(subject, { at, moment: moment === "before" ? "before" : "after", strike });
  const connect: Context["connect"] = async (host) =>
    new Proxy(await context.connect(host), {
      get: (target, key) => (isGone && key === "call" ? lost : Reflect.get(target, key, target)),
    });
  return runWith(subject, operation, wanted, { ...context, connect });
}

/** Places of a fault: before and after each write, until an operation has no more of them. */
export async function eachPlace(
  run: (place: { at: number; moment: Fault["moment"] }) => Promise<string>,
): Promise<string[]> {
  const places: string[] = [];
  for (let at = 1; ; at++) {
    for (const moment of ["before", "after"] as const) {
      const struck = await run({ at, moment });
      if (struck === "") return places;
      places.push(`${moment} ${struck}`);
    }
  }
}

/**
 * Runs an operation as the engine does: what a partial failure says goes into state, unless the provider is `lost` too.
 * Answers the failure.
 */
export async function runWith(
  subject: Subject,
  operation: "create" | "update" | "delete",
  args: Values,
  context: Context,
  isLost = false,
): Promise<Error | undefined> {
  const { handler, id, state } = subject;
  try {
    if (operation === "delete") await handler.delete(id, state, context);
    else if (operation === "create") {
      ({ id: subject.id, state: subject.state } = await handler.create(subject.inputs(args), context));
    } else subject.state = await handler.update(id, state, subject.inputs(args), context);
    return undefined;
  } catch (error) {
    if (error instanceof PartialFailure && !isLost) ({ id: subject.id, state: subject.state } = error);
    if (error instanceof Error) return error;
    throw error;
  }
}
