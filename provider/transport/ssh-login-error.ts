import { reasonOf, TransportError } from "./errors";
import type { SshServer } from "./ssh";

/** True when the server hung up before it said anything, as a busy one does. */
export function isEarlyHangUp(error: unknown): boolean {
  return error instanceof TransportError && /before handshake/i.test(reasonOf(error.cause));
}

/** What kept us from logging in; `tried` names the keys that were shown. */
export function loginError(error: unknown, server: SshServer, tried: readonly string[]): TransportError {
  if (server.hostKey.refusal !== undefined) return server.hostKey.refusal;
  const reason = reasonOf(error);
  const level = error instanceof Error && "level" in error ? error.level : undefined;
  const details = { step: "log in", host: server.description, cause: error };
  if (level === "client-authentication" || /authentication failures/i.test(reason)) {
    const keys =
      tried.length === 0 ? "no key was found to try" : `none of these keys was accepted: ${tried.join(", ")}`;
    const skipped = server.keys.skipped.length === 0 ? "" : `; left out: ${server.keys.skipped.join("; ")}`;
    const tooMany = /too many/i.test(reason) ? " (the server hung up after too many)" : "";
    return new TransportError("auth", {
      ...details,
      reason: `${keys}${tooMany}${skipped}`,
      remedy: `check the user name ${server.user}, add the key to its ~/.ssh/authorized_keys there, or name the right key (identityFile, ?keyfile=, or IdentityFile in ssh_config). Where ssh itself gets in another way, ?ssh=openssh takes that.`,
    });
  }
  if (level === "client-timeout") {
    return new TransportError("timeout", {
      ...details,
      reason: `the server accepts connections but did not finish the ssh login within ${server.timeout} s`,
      remedy: "check that this port is an ssh server and that the host is not overloaded.",
    });
  }
  if (/no matching/i.test(reason)) {
    return new TransportError("protocol", {
      ...details,
      reason,
      remedy: "try ?ssh=openssh, which knows more algorithms.",
    });
  }
  if (level === "client-socket" || /ECONNRESET/.test(reason)) {
    return new TransportError("unreachable", { ...details, reason });
  }
  return new TransportError("protocol", {
    ...details,
    reason: `${reason}: what answers there does not complete an ssh login`,
    remedy: "check that the port is that of an ssh server; a busy one (MaxStartups) hangs up too.",
  });
}
