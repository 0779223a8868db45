/** What to do on a host where libvirt could not write a file of its own, by what it said; undefined where it could. */
export function unwritable(said: string): string | undefined {
  if (/No space left on device|Disk quota exceeded/.test(said)) {
    return "make room on the file system of that path on the host (df -h and df -i show it)";
  }
  if (/Read-only file system/.test(said)) {
    return "make the file system of that path writable on the host (dmesg tells of errors of a disk that made it read-only)";
  }
  return undefined;
}

/** The same as the whole of what to do. */
export function unwritableRemedy(said: string): string | undefined {
  const room = unwritable(said);
  return room && `${room}, then run pulumi again`;
}
