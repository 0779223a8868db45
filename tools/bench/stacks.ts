import { join } from "node:path";
import { Stack } from "../../test/engine/pulumi";
import type { LabHost } from "../../test/lab/host";
import { uuids } from "./bare";
import { bundle } from "./bundle";

const root = join(__dirname, "../..");
const programs = ["least", "empty", "bare", "kvm"] as const;
/**
 * An empty provider with objects of one argument, and with the program of ours; one that makes the bare calls alone;
 * and ours.
 */
export type Program = (typeof programs)[number];

export interface BenchStack {
  readonly program: Program;
  readonly stack: Stack;
}

export interface BenchStacks {
  readonly stacks: readonly BenchStack[];
  /** Takes away what the programs made, and the stacks. */
  remove(): Promise<void>;
}

interface Config extends Readonly<Record<string, string>> {
  readonly vms: string;
  readonly title: string;
}

/** The order of one round: none is always the one after the same other, which may have left work to the daemon. */
export function inTurn<T>(items: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? items : [...items].reverse();
}

/** A stack of each program, for as many objects on that host. */
export async function benchStacks({ uri: hostUri }: LabHost, config: Config): Promise<BenchStacks> {
  const provider = await bundle("bare-provider");
  const made = uuids(Number(config.vms)).join(",");
  const own = {
    least: {},
    empty: { hostUri },
    kvm: { hostUri },
    bare: { hostUri, provider: provider.file, uuids: made },
  };
  const stacks = programs.map((program) => ({
    program,
    stack: new Stack({ program: join(root, "test/bench", program), config: { ...config, ...own[program] } }),
  }));
  for (const { stack } of stacks) await stack.init();
  const remove = async () => {
    for (const { stack } of stacks) {
      await stack.run("destroy", "--yes", "--skip-preview");
      stack.remove();
    }
    provider.remove();
  };
  return { stacks, remove };
}
