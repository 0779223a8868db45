import { TransportError } from "./errors";
import { checkParameters, PARAMETERS, type Parameters } from "./uri-parameters";

export type TransportName = "unix" | "ssh" | "tls" | "tcp";

/** A libvirt URI, taken apart. */
export interface LibvirtUri {
  /** The URI as the user wrote it. */
  readonly text: string;
  /** What the daemon itself is asked to open: no transport, no host, no parameters. */
  readonly driverUri: string;
  readonly driver: "qemu" | "test";
  readonly transport: TransportName;
  readonly user?: string | undefined;
  /** Without the brackets of an IPv6 address. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly params: Parameters;
}

const SHAPE = /^([^:/?#]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/;
const AUTHORITY = /^(?:(.*)@)?(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/;
const DRIVERS: readonly string[] = ["qemu", "test"];
/** libssh and libssh2 are libvirt's other clients for the same thing. */
const TRANSPORTS: Readonly<Record<string, TransportName>> = {
  unix: "unix",
  ssh: "ssh",
  libssh: "ssh",
  libssh2: "ssh",
  tls: "tls",
  tcp: "tcp",
};

/** A password before the host, which may have slashes. */
const PASSWORD = /^([^:]*:\/\/[^:@/?#]*):[^?#]*@/;

/** Takes a libvirt URI apart; throws one TransportError (`invalid`) that names every fault. */
export function parseUri(text: string): LibvirtUri {
  const faults: string[] = [];
  const uri = takeApart(text, faults);
  if (uri === undefined || faults.length > 0) throw invalid(text, faults);
  return uri;
}

/** All that is wrong with the address of a daemon, before anything is connected. */
export function uriFaults(text: string): readonly string[] {
  const faults: string[] = [];
  takeApart(text, faults);
  return faults;
}

function takeApart(text: string, faults: string[]): LibvirtUri | undefined {
  if (PASSWORD.test(text)) {
    faults.push("must not hold a password, which would be kept as plain text; use an ssh key or the agent");
    return undefined;
  }
  const parts = SHAPE.exec(text);
  if (parts === null) {
    faults.push(
      "does not have the form driver[+transport]://[user@][host][:port]/path[?parameters], as in qemu+ssh://root@rack1.example/system",
    );
    if (/^[a-z+0-9]+:\/[^/]/i.test(text)) faults.push("two more slashes are missing after the colon");
    return undefined;
  }
  const [, scheme = "", authority = "", path = "", query, fragment] = parts;
  const { driver, transport } = parseScheme(scheme, authority !== "", faults);
  const isWayKnown = faults.length === 0;
  const { user, host, port } = parseAuthority(authority, faults);
  if (fragment !== undefined) faults.push(`"${fragment}" has no meaning here; write # as %23`);
  checkPath(driver, path, faults);
  // Of a way that nobody knows nothing follows.
  if (isWayKnown) checkPlace(transport, { user, host, port }, faults);
  const params = checkParameters(query ?? "", transport, faults);
  const driverUri = params.name ?? `${driver}://${path}`;
  return { text, driverUri, driver: driver === "test" ? "test" : "qemu", transport, user, host, port, params };
}

function parseScheme(scheme: string, remote: boolean, faults: string[]): { driver: string; transport: TransportName } {
  const [driver = "", name, ...rest] = scheme.split("+");
  if (!DRIVERS.includes(driver)) {
    const way = Object.hasOwn(TRANSPORTS, driver) ? `; write qemu+${driver}://` : "";
    faults.push(`driver "${driver}" is not one of ${DRIVERS.join(", ")}${way}`);
  }
  // libvirt's own rule: a host without a transport means TLS.
  if (name === undefined) return { driver, transport: remote ? "tls" : "unix" };
  const transport = Object.hasOwn(TRANSPORTS, name) ? TRANSPORTS[name] : undefined;
  if (transport === undefined || rest.length > 0) {
    faults.push(`transport "${[name, ...rest].join("+")}" is not one of unix, ssh, tls, tcp`);
  }
  return { driver, transport: transport ?? "unix" };
}

interface Authority {
  readonly user: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

function parseAuthority(authority: string, faults: string[]): Authority {
  const parts = AUTHORITY.exec(authority);
  if (parts === null) {
    const remedy = authority.split(":").length > 2 ? "; write an IPv6 address in brackets, [::1]" : "";
    faults.push(`"${authority}" is not [user@]host[:port]${remedy}`);
    return { user: undefined, host: undefined, port: undefined };
  }
  const [, userText, hostText = "", portText] = parts;
  const user = userText === undefined ? undefined : decode(userText, faults);
  if (user === "") faults.push("the user name before @ is empty");
  const host = hostText.replace(/^\[|\]$/g, "");
  if (host.startsWith("-") || user?.startsWith("-")) faults.push("host and user must not begin with a dash");
  if (!/^[\p{L}\p{N}._:%-]*$/u.test(host)) faults.push(`"${host}" is not a host name or address`);
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && !(/^\d+$/.test(portText ?? "") && port >= 1 && port <= 65535)) {
    faults.push(`port "${portText}" is not a number from 1 to 65535`);
  }
  return { user, host: host === "" ? undefined : host, port };
}

function checkPath(driver: string, path: string, faults: string[]): void {
  if (driver === "qemu" && path !== "/system" && path !== "/session") {
    faults.push(`path "${path}" is not one of /system, /session`);
  }
  if (driver === "test" && !/^\/[^/]/.test(path)) {
    faults.push(`path "${path}" is neither /default nor the absolute path of a test file`);
  }
}

function checkPlace(transport: TransportName, { user, host, port }: Authority, faults: string[]): void {
  if (transport === "unix") {
    if (host !== undefined || user !== undefined || port !== undefined) {
      faults.push("the unix transport stays on this machine: leave out user, host and port, or use +ssh");
    }
    return;
  }
  if (host === undefined)
    faults.push(`the ${transport} transport needs a host name, as in qemu+${transport}://rack1.example/system`);
  if (user !== undefined && transport !== "ssh") faults.push(`a user name has no meaning with ${transport}`);
}

function decode(text: string, faults: string[]): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    faults.push(`"${text}" has a broken percent escape (${String(error)})`);
    return text;
  }
}

function invalid(text: string, faults: readonly string[]): TransportError {
  return new TransportError("invalid", {
    step: "use the connection URI",
    host: `"${text.replace(PASSWORD, "$1:***@")}"`,
    reason: faults.join("; "),
    remedy: `write for example qemu+ssh://root@host/system or qemu:///system. Parameters: ${PARAMETERS.join(", ")}.`,
  });
}
