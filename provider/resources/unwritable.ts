/** What to do on a host where libvirt could not write a file of its own, by what it said; undefined where it could. */
export function unwritable(said: string): string | undefined {
  if (/No space left on device|Disk quota exceeded/.test(said)) {
    return "make room on the file system of that path on the host (df -h and df -i show it)";
  }
  if (/Read-only file system/.test(said)) {
    return "make the file system of that path writable on the host; where errors of its disk made it read-only, dmesg says so";
  }
  return undefined;
}
