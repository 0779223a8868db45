import { join } from "node:path";
import { Stack } from "../../test/engine/pulumi";
import type { LabHost } from "../../test/lab/host";
import { bundle } from "./bundle";

const root = join(__dirname, "../..");
const programs = ["empty", "bare", "kvm"] as const;
/** An empty provider, one that makes the bare calls alone, and ours. */
export type Program = (typeof programs)[number];

export interface BenchStack {
  readonly program: Program;
  readonly stack: Stack;
  /** Takes away what the program made, and the stack. */
  remove(): Promise<void>;
}

/** A stack of each program, for as many objects on that host. */
export async function benchStacks(host: LabHost, config: Readonly<Record<string, string>>): Promise<BenchStack[]> {
  const provider = await bundle("bare-provider");
  const left = new Set<Program>(programs);
  return Promise.all(
    programs.map(async (program) => {
      const own =
        program === "empty" ? {} : { hostUri: host.uri, ...(program === "bare" && { provider: provider.file }) };
      const stack = new Stack({ program: join(root, "test/bench", program), config: { ...config, ...own } });
      await stack.init();
      const remove = async () => {
        await stack.run("destroy", "--yes", "--skip-preview");
        stack.remove();
        left.delete(program);
        if (left.size === 0) provider.remove();
      };
      return { program, stack, remove };
    }),
  );
}
