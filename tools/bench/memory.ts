import { readdirSync, readFileSync } from "node:fs";

/** Most memory, in MB, that a process whose command line contains `part` has held while `work` ran. */
export async function peakMemory<T>(part: string, work: () => Promise<T>): Promise<{ result: T; megabytes: number }> {
  let kibibytes = 0;
  const sample = () => {
    for (const pid of readdirSync("/proc")) {
      if (/^\d+$/.test(pid) && textOf(`/proc/${pid}/cmdline`).includes(part)) {
        kibibytes = Math.max(kibibytes, Number(/VmHWM:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0));
      }
    }
  };
  const timer = setInterval(sample, 100);
  try {
    return { result: await work(), megabytes: Math.round((kibibytes * 1024) / 1e6) };
  } finally {
    clearInterval(timer);
  }
}

/** Empty when the process has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH"].includes(String(error.code))) return "";
    throw error;
  }
}
