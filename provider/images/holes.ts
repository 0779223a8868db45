import { execFile } from "node:child_process";
import type { Stats } from "node:fs";
import { promisify } from "node:util";

/** A run of bytes of a file that holds something; `end` is the first byte after it. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * lseek(2) with SEEK_DATA (3) and SEEK_HOLE (4), from the start of the file to ENXIO (6), which says that no data is left.
 * Any other error says nothing of the data: there are file systems without these calls.
 */
const program = `
  open(my $file, "<", $ARGV[0]) or exit 1;
  my $at = 0;
  while (defined(my $start = sysseek($file, $at, 3))) {
    $at = sysseek($file, $start, 4) or exit 1;
    print $start + 0, " ", $at + 0, "\\n";
  }
  exit($! == 6 ? 0 : 1);`;

/** More text than this lists a file in so many pieces that it is as well read as a whole. */
const mostText = 4 * 1024 * 1024;
/** How long perl may take, in ms. */
const patience = 30_000;

/**
 * Where a sparse file holds data, in order: all else reads as zeroes (ADR 0013). Undefined for a file that has all of
 * its blocks, and wherever nobody can tell: such a file is read as a whole.
 */
export async function dataExtents(path: string, { size, blocks }: Stats): Promise<readonly Extent[] | undefined> {
  if (process.platform !== "linux" || blocks * 512 >= size) return undefined;
  try {
    const options = { maxBuffer: mostText, timeout: patience, env: { PATH: process.env["PATH"] } };
    const { stdout } = await promisify(execFile)("perl", ["-e", program, "--", path], options);
    return stdout.split("\n").flatMap((line) => {
      const [start, end] = line.split(" ").map(Number);
      return start !== undefined && end !== undefined ? [{ start, end }] : [];
    });
  } catch {
    return undefined;
  }
}
