import type { Program } from "./stacks";
import { rounded } from "./time";

/** Seconds of one step: by each program, and the sum of the bare calls. */
export interface Seconds extends Readonly<Record<Program, number>> {
  readonly calls: number;
}

/**
 * Most that a step may take. The floor is what the engine takes for the same program with a provider that does nothing:
 * it writes the state of all objects at every step, so that it depends on what they have. The bare work is that of our
 * own client alone: connecting, and the calls.
 */
const goals = {
  "1.3 empty": (floor: number, _calls: number) => 1.3 * floor,
  "empty + 1.5 bare": (floor: number, calls: number) => floor + 1.5 * calls,
};
export type Goal = keyof typeof goals;

/** One line: how long ours takes, beside what it is compared with. */
export function compared(measure: string, vms: number, seconds: Seconds, goal: Goal): object {
  const { kvm, empty, least, bare, calls } = seconds;
  return {
    measure,
    vms,
    seconds: rounded(kvm),
    emptyProviderSeconds: rounded(empty),
    oneArgumentSeconds: rounded(least),
    bareCallsSeconds: rounded(calls),
    bareProviderSeconds: rounded(bare),
    ratioToEmpty: rounded(kvm / empty),
    ratioToBareProvider: rounded(kvm / bare),
    ratioToGoal: rounded(kvm / goals[goal](empty, calls)),
    ratioWithOneArgument: rounded(kvm / goals[goal](least, calls)),
    goal,
  };
}
