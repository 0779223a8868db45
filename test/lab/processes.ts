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

/** The lines of a process's /proc file; empty when it is gone. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}

/** True while the process is there and not a zombie. */
export function isRunning(pid: number): boolean {
  const status = procFile(pid, "status");
  return status !== "" && !/^State:\s+Z/m.test(status);
}

/** Names one process for ever, as a pid alone does not: pid and start, in clock ticks since boot. */
export function identityOf(pid: number): string {
  const fields = procFile(pid, "stat")
    .replace(/^.*\) /s, "")
    .split(" ");
  return `${pid} ${fields[19] ?? "gone"}`;
}

/** True while the very process that `identityOf` named is there and not a zombie. */
export function isThere(identity: string): boolean {
  const pid = Number(identity.split(" ")[0]);
  return isRunning(pid) && identityOf(pid) === identity;
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
