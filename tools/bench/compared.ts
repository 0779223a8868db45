import { rounded } from "./time";

/** Seconds of one step: by each provider, and the sum of the bare calls. */
export interface Seconds {
  readonly kvm: number;
  readonly empty: number;
  readonly bare: number;
  readonly calls: number;
}

/** Most that a step may take. The bare work is that of our own client alone: connecting, and the calls. */
const goals = {
  "1.3 empty": ({ empty }: Seconds) => 1.3 * empty,
  "empty + 1.5 bare": ({ empty, calls }: Seconds) => empty + 1.5 * calls,
};
export type Goal = keyof typeof goals;

/** One line: how long ours takes, beside what it is compared with. */
export function compared(measure: string, vms: number, seconds: Seconds, goal: Goal): object {
  const { kvm, empty, bare, calls } = seconds;
  return {
    measure,
    vms,
    seconds: rounded(kvm),
    emptyProviderSeconds: rounded(empty),
    bareCallsSeconds: rounded(calls),
    bareProviderSeconds: rounded(bare),
    ratioToEmpty: rounded(kvm / empty),
    ratioToBareProvider: rounded(kvm / bare),
    ratioToGoal: rounded(kvm / goals[goal](seconds)),
    goal,
  };
}
