import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { Stack } from "../../test/engine/pulumi";
import type { LabHost } from "../../test/lab/host";

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
  // Beside node_modules, where it finds what it needs.
  const folder = mkdtempSync(join(root, ".bench-"));
  const provider = join(folder, "provider.js");
  await build({
    absWorkingDir: root,
    entryPoints: ["tools/bench/bare-provider.ts"],
    outfile: provider,
    bundle: true,
    platform: "node",
    packages: "external",
    logLevel: "warning",
  });
  const left = new Set<Program>(programs);
  return Promise.all(
    programs.map(async (program) => {
      const own = program === "empty" ? {} : { hostUri: host.uri, ...(program === "bare" && { provider }) };
      const stack = new Stack({ program: join(root, "test/bench", program), config: { ...config, ...own } });
      await stack.init();
      const remove = async () => {
        await stack.run("destroy", "--yes", "--skip-preview");
        stack.remove();
        left.delete(program);
        if (left.size === 0) rmSync(folder, { recursive: true, force: true });
      };
      return { program, stack, remove };
    }),
  );
}
