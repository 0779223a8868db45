import { type ChildProcess, execFile } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Runs a command to its end. With `check`, a failure is thrown with all that it printed. */
export function run(words: readonly string[], check = true): Promise<Run> {
  const [command = "", ...args] = words;
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      if (error !== null && check)
        reject(new Error(`${words.join(" ")} failed (${code}): ${stderr || stdout || error.message}`));
      else resolve({ stdout, stderr, code });
    });
  });
}

/** True while the process is there and not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Waits until `probe` says yes. */
export async function waitFor(what: string, seconds: number, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The first process that `parent`, once it has become `command`, has started: pid 1 of a new pid namespace. */
export async function childPid(parent: ChildProcess, command: string): Promise<number> {
  let found = 0;
  await waitFor(`${command} to start`, 10, () => {
    if (parent.pid === undefined || parent.exitCode !== null) throw new Error(`${command} did not start`);
    const proc = `/proc/${parent.pid}`;
    if (readFileSync(`${proc}/comm`, "utf8").trim() !== command) return false;
    found = Number(readFileSync(`${proc}/task/${parent.pid}/children`, "utf8").trim().split(" ")[0]);
    return found > 0;
  });
  return found;
}
