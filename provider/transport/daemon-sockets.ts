import type { LibvirtUri } from "./uri";

/**
 * Sockets on which the daemon may listen, best first, in the folder `runtime` (without trailing slash).
 * virtqemud forwards to its sibling daemons by itself, so one socket is enough; the test driver exists only in libvirtd.
 */
export function daemonSockets(uri: LibvirtUri, runtime: string): readonly string[] {
  if (uri.params.socket !== undefined) return [uri.params.socket];
  const modular = `${runtime}/virtqemud-sock`;
  const monolithic = `${runtime}/libvirt-sock`;
  if (uri.driver === "test") return [monolithic];
  if (uri.params.mode === "direct") return [modular];
  if (uri.params.mode === "legacy") return [monolithic];
  return [modular, monolithic];
}

/** True when the URI names a daemon of one user, whose sockets are in that user's own runtime folder. */
export function isSession(uri: LibvirtUri): boolean {
  return uri.driverUri.endsWith("/session");
}
