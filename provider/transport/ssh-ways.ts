import { daemonSockets, isSession } from "./daemon-sockets";
import type { CommandResult } from "./ssh";
import type { LibvirtUri } from "./uri";

/** How to get from the ssh server to the daemon. */
export type Way =
  /** virt-ssh-helper, libvirt's own: finds the right socket, starts session daemons, works without port forwarding. */
  | { readonly kind: "helper" }
  /** A channel to the daemon's socket: no program and no login shell needed, not counted by MaxSessions. */
  | { readonly kind: "streamlocal"; readonly path: string }
  | { readonly kind: "netcat"; readonly path: string };

export type WayKind = Way["kind"];

/** What a trial of one way showed. */
export interface Finding {
  readonly way?: Way;
  /** What failed, one entry for each thing tried. */
  readonly failures: readonly string[];
}

const MARK = "pulumi-kvm-probe";
/** The classic path: on modern systems a link to /run. */
const SYSTEM_RUNTIME = "/var/run/libvirt";

/** Ways to try, best first. */
export function waysFor(uri: LibvirtUri): readonly WayKind[] {
  switch (uri.params.proxy ?? "auto") {
    case "helper":
    case "native":
      return ["helper"];
    case "streamlocal":
      return ["streamlocal"];
    case "netcat":
      return ["netcat"];
    default:
      // A channel to a socket opens in 5 ms, one to a program in 120 to 250 ms, and sshd lets only ten programs run.
      if (uri.params.netcat !== undefined) return ["netcat"];
      // The helper picks the socket by itself, so one named by the user rules it out.
      return uri.params.socket === undefined ? ["streamlocal", "helper", "netcat"] : ["streamlocal", "netcat"];
  }
}

/** Sockets of the daemon on the far side; of a session daemon none, as its folder is known to the helper alone. */
export function remoteSockets(uri: LibvirtUri): readonly string[] {
  return isSession(uri) && uri.params.socket === undefined ? [] : daemonSockets(uri, SYSTEM_RUNTIME);
}

/** Runs the helper with nothing to say: it connects to the daemon, sees the end of its input, and exits with 0. */
export function helperProbe(uri: LibvirtUri): string {
  return probe(`virt-ssh-helper "$1" </dev/null`, [uri.driverUri]);
}

/** Connects to each socket and hangs up; prints the first that answers. */
export function netcatProbe(uri: LibvirtUri): string {
  const script = `n=$1; shift; for s; do "$n" -zU "$s" && echo ${MARK} "$s" && exit 0; done; exit 1`;
  return probe(script, [uri.params.netcat ?? "nc", ...remoteSockets(uri)]);
}

/** The command that becomes the stream. */
export function commandOf(way: Exclude<Way, { kind: "streamlocal" }>, uri: LibvirtUri): string {
  if (way.kind === "helper") return `virt-ssh-helper ${quote(uri.driverUri)}`;
  return `${quote(uri.params.netcat ?? "nc")} -U ${quote(way.path)}`;
}

export function judgeHelper(result: CommandResult): Finding {
  const noise = noiseOf(result.stdout);
  if (noise !== undefined) return { failures: [`virt-ssh-helper: ${noise}`] };
  if (result.status === 0) return { way: { kind: "helper" }, failures: [] };
  const said = result.stderr === "" ? "it failed without a word" : result.stderr.replace(/^virt-ssh-helper: /gm, "");
  const missing = result.status === 127 ? " (not installed there)" : "";
  return { failures: [`virt-ssh-helper: ${said} (exit status ${result.status ?? "none"})${missing}`] };
}

export function judgeNetcat(result: CommandResult): Finding {
  const noise = noiseOf(result.stdout);
  if (noise !== undefined) return { failures: [`netcat: ${noise}`] };
  const path = new RegExp(`^${MARK} (/.*)$`, "m").exec(result.stdout)?.[1];
  if (path !== undefined) return { way: { kind: "netcat", path }, failures: [] };
  return { failures: [`netcat: ${result.stderr || "no socket answers"}`] };
}

/** A login shell that prints spoils the stream of every command. */
function noiseOf(stdout: string): string | undefined {
  const start = stdout.indexOf(`${MARK}\n`);
  const noise = (start < 0 ? stdout : stdout.slice(0, start)).trim();
  if (start === 0) return undefined;
  if (noise === "") return "the remote shell ran nothing";
  return `the remote shell printed ${JSON.stringify(noise.slice(0, 200))} (quiet it for non-interactive logins: look into .bashrc and .profile there)`;
}

/** A POSIX script for a login shell of any kind; marks where its own output begins. */
function probe(script: string, args: readonly string[]): string {
  return ["sh", "-c", quote(`echo ${MARK}; ${script}`), "sh", ...args.map(quote)].join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What to do on a host that ssh reaches, and whose daemon nobody does, by what was tried. */
export function daemonRemedy(failures: readonly string[]): string {
  return failures.some((failure) => /(virtqemud|libvirt)-sock'?: .*Connection refused/.test(failure))
    ? "libvirt is installed on that host and does not run: start it (systemctl start virtqemud.socket, or libvirtd); journalctl -u virtqemud -u libvirtd tells why it has ended."
    : "on that host install libvirt-daemon-system, and start virtqemud.socket or libvirtd.socket.";
}
