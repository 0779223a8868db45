import type { Context, Values } from "../../provider/core/handler";
import { PartialFailure } from "../../provider/core/handler";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import type { Machine } from "./machines";

/** Calls that only read. All others may leave something half done. */
const reads = /_(GET|IS|LOOKUP|LIST|HAS|INTERFACE_ADDRESSES)(_|$)/;

/** Breaks something right before or right after the `at`-th write of an operation. */
export interface Fault {
  readonly at: number;
  readonly moment: "before" | "after";
  readonly strike: () => Promise<void>;
}

/** The context of the machine with the fault in its way; `struck` names the write at which it came. */
export function withFault(vm: Machine, { at, moment, strike }: Fault): { context: Context; struck: () => string } {
  let writes = 0;
  let struck = "";
  const connect: Context["connect"] = async (reference) => {
    const libvirt = await vm.context.connect(reference);
    const call = async (name: string, ...rest: unknown[]) => {
      const here = !reads.test(name) && ++writes === at;
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
  const { meta, signal, progress, warn, info } = vm.context;
  return { context: { meta, signal, progress, warn, info, connect }, struck: () => struck };
}

/** Runs an operation as the engine does: what a partial failure says goes into state. Answers the failure. */
export async function runWith(
  vm: Machine,
  operation: "create" | "update" | "delete",
  args: Values,
  context: Context,
): Promise<Error | undefined> {
  try {
    if (operation === "delete") await virtualMachine.delete(vm.id, vm.state, context);
    else if (operation === "create") {
      ({ id: vm.id, state: vm.state } = await virtualMachine.create(vm.inputs(args), context));
    } else vm.state = await virtualMachine.update(vm.id, vm.state, vm.inputs(args), context);
    return undefined;
  } catch (error) {
    if (error instanceof PartialFailure) ({ id: vm.id, state: vm.state } = error);
    if (error instanceof Error) return error;
    throw error;
  }
}
