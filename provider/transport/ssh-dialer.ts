import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dialer } from "./dialer";
import { reasonOf, TransportError } from "./errors";
import { ExecSlots } from "./exec-slots";
import { HostKeyCheck } from "./host-key";
import { netConnect } from "./net-connect";
import { DEFAULT_TIMEOUT, type TransportOptions } from "./options";
import { type CommandResult, isChannelRefusal, SshConnection } from "./ssh";
import { isEarlyHangUp } from "./ssh-login-error";
import type { SshHop, SshRoute } from "./ssh-route";
import {
  commandOf,
  daemonRemedy,
  type Finding,
  helperProbe,
  judgeHelper,
  judgeNetcat,
  netcatProbe,
  remoteSockets,
  type Way,
  waysFor,
} from "./ssh-ways";
import { unlessAborted } from "./unless-aborted";
import type { LibvirtUri } from "./uri";

const LOGIN_ATTEMPTS = 6;
/** In ms, after the first attempt; then twice as long each time, some three seconds in all. */
const LOGIN_PAUSE = 100;
/** For how long, in ms, streams wait for one that ends before there is a further login. */
const SLOT_PATIENCE = 2000;

/** One login and the way to the daemon that was found in it. */
interface Session {
  /** Jump hosts first; the last one reaches the daemon. */
  readonly connections: readonly SshConnection[];
  readonly server: SshConnection;
  readonly slots: ExecSlots;
  way: Way;
  /** Where to go when every slot for commands is taken; looked for when that happens first. */
  overflow?: Promise<Finding>;
}

/**
 * Dials the daemon of another machine; all streams share one ssh connection, which is opened anew when lost. Only where
 * the server lets fewer programs run in it than there are streams that last, there are more.
 */
export class SshDialer implements Dialer {
  readonly description: string;
  readonly #timeout: number;
  readonly #closed = new AbortController();
  #session: Promise<Session> | undefined;
  /** The way that worked last; tried first after a reconnect. */
  #winner: Way | undefined;
  /** Logs in again for the streams that have no place here. */
  #further: SshDialer | undefined;

  constructor(
    private readonly uri: LibvirtUri,
    private readonly route: SshRoute,
    private readonly options: TransportOptions,
  ) {
    this.description = `ssh ${route.hops.map((hop) => hop.description).join(" -> ")}`;
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT;
  }

  async dial(signal?: AbortSignal): Promise<Duplex> {
    const session = await this.#shared(signal);
    const stream = await this.#openStream(session, signal);
    if (signal?.aborted) {
      stream.destroy();
      throw signal.reason;
    }
    return stream;
  }

  async close(): Promise<void> {
    this.#closed.abort(this.#closedError());
    const session = this.#session;
    this.#session = undefined;
    await this.#further?.close();
    const [settled] = await Promise.allSettled([session]);
    if (settled?.status === "fulfilled" && settled.value !== undefined) end(settled.value.connections);
  }

  /** The one session; many may wait for it, and one that gives up does not end it for the others. */
  async #shared(signal: AbortSignal | undefined): Promise<Session> {
    signal?.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    const current = this.#session;
    const ended = current !== undefined && (await hasEnded(current));
    if (ended && this.#session === current) {
      this.#session = undefined;
      // The host may be gone while a jump host is still there.
      end((await current).connections);
    }
    if (this.#session === undefined) {
      const opening = this.#open(this.#closed.signal);
      this.#session = opening;
      opening.catch(() => {
        if (this.#session === opening) this.#session = undefined;
      });
    }
    return await unlessAborted(this.#session, signal);
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const connections: SshConnection[] = [];
    try {
      for (const hop of this.route.hops) connections.push(await this.#logIn(hop, connections.at(-1), signal));
      const server = connections.at(-1);
      if (server === undefined) throw new Error("a route has at least one hop");
      const slots = new ExecSlots();
      const way = await this.#findWay(server, slots);
      this.#winner = way;
      return { connections, server, slots, way };
    } catch (error) {
      end(connections);
      throw error;
    }
  }

  /** A server with too many unfinished logins (MaxStartups) hangs up on some; those are tried again. */
  async #logIn(hop: SshHop, previous: SshConnection | undefined, signal: AbortSignal): Promise<SshConnection> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryLogin(hop, previous, signal);
      } catch (error) {
        if (attempt === LOGIN_ATTEMPTS || !isEarlyHangUp(error)) throw error;
        // Not in step with the others that were sent away at the same moment.
        await sleep(LOGIN_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random()), undefined, { signal });
      }
    }
  }

  async #tryLogin(hop: SshHop, previous: SshConnection | undefined, signal: AbortSignal): Promise<SshConnection> {
    const hostKey = await HostKeyCheck.prepare(hop.hostKeyRules, hop);
    const context = { host: hop.description, step: "connect to the ssh server", timeout: this.#timeout, signal };
    const transport =
      previous === undefined
        ? await netConnect({ host: hop.host, port: hop.port }, context)
        : await this.#jump(previous, hop);
    return await SshConnection.login({ ...hop, hostKey, timeout: this.#timeout }, transport, signal);
  }

  async #jump(previous: SshConnection, hop: SshHop): Promise<Duplex> {
    try {
      return await previous.openTcp(hop.host, hop.port);
    } catch (error) {
      if (error instanceof TransportError) throw error;
      throw new TransportError("refused", {
        step: "connect to the ssh server",
        host: hop.description,
        reason: `the jump host could not or would not connect: ${reasonOf(error)}`,
        remedy: `check from the jump host that ${hop.host}:${hop.port} answers, and that its sshd has AllowTcpForwarding yes.`,
        cause: error,
      });
    }
  }

  /** Tries the ways in order. */
  async #findWay(server: SshConnection, slots: ExecSlots): Promise<Way> {
    const failures: string[] = [];
    const kinds = [...waysFor(this.uri)];
    const winner = this.#winner?.kind;
    if (winner !== undefined) kinds.sort((a, b) => Number(b === winner) - Number(a === winner));
    for (const kind of kinds) {
      try {
        const finding = await this.#tryWay(kind, server, slots);
        if (finding.way !== undefined) return finding.way;
        failures.push(...finding.failures);
      } catch (error) {
        // A login shell that hangs does so for every command; what the sockets said is what helps.
        const isHanging = error instanceof TransportError && error.code === "timeout" && failures.length > 0;
        if (!isHanging) throw error;
        throw this.#refusal([...failures, `${kind}: ${error.reason}; the login shell may hang`], error);
      }
    }
    throw this.#refusal(failures);
  }

  async #tryWay(kind: Way["kind"], server: SshConnection, slots: ExecSlots): Promise<Finding> {
    if (kind === "helper") return judgeHelper(await this.#probe(server, slots, helperProbe(this.uri)));
    if (remoteSockets(this.uri).length === 0) {
      return { failures: [`${kind}: the socket of a session daemon is found by virt-ssh-helper only, or by ?socket=`] };
    }
    if (kind === "netcat") return judgeNetcat(await this.#probe(server, slots, netcatProbe(this.uri)));
    // sshd switches off Nagle's delay when a program starts. Its login shell may take 0.1 s and more; nobody waits.
    const [, finding] = await Promise.all([
      this.#unlessDenied(slots.open((release) => server.start("true", release), isChannelRefusal)),
      trySockets(server, remoteSockets(this.uri)),
    ]);
    return finding;
  }

  async #openStream(session: Session, signal: AbortSignal | undefined): Promise<Duplex> {
    try {
      return await this.#take(session, session.way, signal);
    } catch (error) {
      if (session.server.lost !== undefined || !isChannelRefusal(error)) throw error;
    }
    // The daemon was stopped, or exchanged for a modular one, since the way was found.
    session.way = await this.#findWay(session.server, session.slots);
    try {
      return await this.#take(session, session.way, signal);
    } catch (error) {
      throw error instanceof TransportError ? error : this.#refusal([`${session.way.kind}: ${reasonOf(error)}`], error);
    }
  }

  async #take(session: Session, way: Way, signal: AbortSignal | undefined): Promise<Duplex> {
    const { server, slots } = session;
    if (way.kind === "streamlocal") return await server.openUnix(way.path);
    const start = (release: () => void) => server.exec(commandOf(way, this.uri), release);
    const opened = await slots.tryOpen(start, isChannelRefusal);
    if (opened !== undefined) return opened;
    const spare = await this.#spareWay(session);
    if (spare !== undefined) return await server.openUnix(spare.path);
    if (this.#further === undefined) {
      const patience = AbortSignal.timeout(SLOT_PATIENCE);
      try {
        return await slots.open(start, isChannelRefusal, AbortSignal.any([patience, ...(signal ? [signal] : [])]));
      } catch (error) {
        if (error !== patience.reason) throw error;
      }
    }
    this.#closed.signal.throwIfAborted();
    this.#further ??= new SshDialer(this.uri, this.route, this.options);
    return await this.#further.dial(signal);
  }

  /** Commands count against MaxSessions, channels to sockets do not: they serve where every slot is taken. */
  async #spareWay(session: Session): Promise<Extract<Way, { kind: "streamlocal" }> | undefined> {
    if (!waysFor(this.uri).includes("streamlocal")) return undefined;
    session.overflow ??= trySockets(session.server, remoteSockets(this.uri));
    const { way } = await session.overflow;
    return way?.kind === "streamlocal" ? way : undefined;
  }

  async #probe(server: SshConnection, slots: ExecSlots, command: string): Promise<CommandResult> {
    const result = await this.#unlessDenied(slots.open((release) => server.run(command, release), isChannelRefusal));
    return result instanceof Error ? { stdout: "", stderr: reasonOf(result), status: undefined } : result;
  }

  /** The refusal itself, instead of failing: accounts may be denied every command and still be allowed to open sockets. */
  async #unlessDenied<T>(work: Promise<T>): Promise<T | Error> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof TransportError || !(error instanceof Error)) throw error;
      return error;
    }
  }

  #refusal(failures: readonly string[], cause?: unknown): TransportError {
    const has = (pattern: RegExp) => failures.some((failure) => pattern.test(failure));
    return new TransportError("refused", {
      step: "reach the libvirt daemon",
      host: this.description,
      reason: `ssh works, the daemon cannot be reached: ${failures.join("; ")}`,
      remedy: has(/permission denied/i)
        ? "add the user to the group libvirt on that host (usermod -aG libvirt USER), or log in as root."
        : has(/the (remote|login) shell/)
          ? "let sshd on that host open channels to sockets (AllowStreamLocalForwarding), or run programs for this user (ForceCommand, the login shell); and see that virtqemud.socket or libvirtd.socket is started there."
          : daemonRemedy(failures),
      cause,
    });
  }

  #closedError(): TransportError {
    return new TransportError("unreachable", { step: "dial", host: this.description, reason: "the dialer was closed" });
  }
}

async function trySockets(server: SshConnection, paths: readonly string[]): Promise<Finding> {
  const failures: string[] = [];
  for (const path of paths) {
    try {
      (await server.openUnix(path)).destroy();
      return { way: { kind: "streamlocal", path }, failures };
    } catch (error) {
      if (!isChannelRefusal(error)) throw error;
      failures.push(`channel to ${path}: ${reasonOf(error)} (absent, not permitted, or forwarding is switched off)`);
    }
  }
  return { failures };
}

async function hasEnded(session: Promise<Session>): Promise<boolean> {
  const [state] = await Promise.allSettled([session]);
  return state?.status === "fulfilled" && state.value.connections.some((connection) => connection.lost !== undefined);
}

function end(connections: readonly SshConnection[]): void {
  for (const connection of [...connections].reverse()) connection.end();
}
