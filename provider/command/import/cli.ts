import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The oldest CLI that is known to take outputs from an import file; older ones would ask the provider, which cannot answer. */
export const wantedCli = "3.259.0";

/** What is on PATH as `pulumi`. */
export interface Cli {
  readonly version: string | undefined;
  readonly isEnough: boolean;
}

export async function findCli(): Promise<Cli> {
  const answer = await ask("version");
  const version = /v?(\d+\.\d+\.\d+)/.exec(answer ?? "")?.[1];
  return { version, isEnough: version !== undefined && isAtLeast(version, wantedCli) };
}

/** Name of the stack that is selected in the folder. */
export async function selectedStack(folder: string): Promise<string | undefined> {
  const name = (await ask("stack", "--show-name", "--cwd", folder))?.trim();
  return name === "" ? undefined : name?.split("/").at(-1);
}

export function isAtLeast(version: string, wanted: string): boolean {
  const [have, need] = [version, wanted].map((text) => text.split(".").map(Number));
  for (const [index, part] of (need ?? []).entries()) {
    if ((have?.[index] ?? 0) !== part) return (have?.[index] ?? 0) > part;
  }
  return true;
}

/** What the CLI prints; undefined where there is none, or where it fails. */
async function ask(...words: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("pulumi", [...words, "--non-interactive"], { timeout: 30_000 });
    return stdout;
  } catch {
    return undefined;
  }
}
