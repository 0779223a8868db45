import type { Duplex } from "node:stream";
import {
  type AnyAuthMethod,
  type AuthenticationType,
  BaseAgent,
  Client,
  type ClientChannel,
  type IdentityCallback,
  OpenSSHAgent,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
  utils,
} from "ssh2";
import { HANGING_SHELL, TransportError } from "./errors";
import type { HostKeyCheck } from "./host-key";
import type { Identity, KeyRing } from "./ssh-keys";
import { loginError } from "./ssh-login-error";
import { KEEPALIVE_INTERVAL, Pulse } from "./ssh-pulse";
import { StreamPair } from "./stream-pair";

/** One server to log in to. */
export interface SshServer {
  /** For messages: "root@rack1:2201". */
  readonly description: string;
  readonly user: string;
  readonly hostKey: HostKeyCheck;
  readonly keys: KeyRing;
  /** Seconds for the login. */
  readonly timeout: number;
}

/** What a command wrote and how it ended. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status, undefined when a signal or the loss of the connection ended it. */
  readonly status: number | undefined;
}

/** ssh2's default order: fastest first, sha1 last. */
const HOST_KEY_ALGORITHMS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
] as const;
const OUTPUT_KEPT = 4096;
/** After the end of output, ms to wait for the exit status. */
const EXIT_GRACE = 500;

/** The public key of a private key text, or why it cannot be used. */
export function publicKeyOf(text: string, passphrase: string | undefined): Buffer | Error {
  const key = utils.parseKey(text, passphrase);
  if (key instanceof Error) return key;
  return key.isPrivateKey()
    ? key.getPublicSSH()
    : new Error("this is a public key, and the agent does not hold its private key");
}

/** Public keys that the agent at `socket` holds. */
export async function agentKeys(socket: string): Promise<Buffer[]> {
  return await new Promise((resolve, reject) => {
    new OpenSSHAgent(socket).getIdentities((error, keys) => {
      if (error) reject(error);
      else resolve((keys ?? []).flatMap((key) => ("getPublicSSH" in key ? [key.getPublicSSH()] : [])));
    });
  });
}

/** True for the refusal of a channel by the server, which may mean that too many are open. */
export function isChannelRefusal(error: unknown): boolean {
  return error instanceof Error && /channel open failure/i.test(error.message);
}

/** An agent that shows one key only. */
class OneKeyAgent extends BaseAgent {
  readonly #agent: OpenSSHAgent;

  constructor(
    socket: string,
    private readonly publicKey: Buffer,
  ) {
    super();
    this.#agent = new OpenSSHAgent(socket);
  }

  override getIdentities(done: IdentityCallback<string | Buffer | ParsedKey>): void {
    done(null, [this.publicKey]);
  }

  override sign(
    key: string | Buffer | ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === "function") this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}

/**
 * ssh2 writes each packet in three pieces, and without Nagle's delay each would be a segment that wakes the server. What
 * is written in one turn leaves together.
 */
function together(socket: Duplex, pulse: Pulse): Duplex {
  const write = socket.write;
  socket.write = (...words: unknown[]) => {
    pulse.count((words[0] as Buffer).length);
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    return Reflect.apply(write, socket, words);
  };
  return socket;
}

/** One authenticated ssh connection. */
export class SshConnection {
  /** Why the connection ended, once it has. */
  lost: Error | undefined;

  private constructor(
    private readonly client: Client,
    private readonly server: SshServer,
    private readonly pulse: Pulse,
  ) {
    client.on("error", (error) => {
      this.lost ??= error;
    });
    client.on("close", () => {
      this.lost ??= new Error("the connection was closed by the other side");
    });
  }

  /** Logs in over `transport`, an open stream to the server. On failure the stream is destroyed. */
  static async login(server: SshServer, transport: Duplex, signal?: AbortSignal): Promise<SshConnection> {
    const client = new Client();
    const pulse = new Pulse();
    const attempts = new LoginAttempts(server);
    const abort = () => client.destroy();
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", abort, { once: true });
      await new Promise<void>((resolve, reject) => {
        // These stay: ssh2 may report a second error, and one without a listener ends the process.
        client.on("error", reject).once("ready", resolve);
        client.once("close", () => reject(new Error("the server closed the connection during login")));
        client.connect({
          sock: together(transport, pulse),
          username: server.user,
          readyTimeout: server.timeout * 1000,
          keepaliveInterval: KEEPALIVE_INTERVAL,
          // Missing answers are for the pulse to judge.
          keepaliveCountMax: Number.POSITIVE_INFINITY,
          strictVendor: false,
          hostVerifier: (key: Buffer) => server.hostKey.accepts(key),
          algorithms: { serverHostKey: server.hostKey.algorithms(HOST_KEY_ALGORITHMS) },
          // Its types do not know that false ends the attempts.
          authHandler: attempts.next as never,
        });
      });
      // As with OpenSSH, a known_hosts that cannot be written makes no difference to a login that is good.
      await server.hostKey.remember().catch(() => undefined);
      const connection = new SshConnection(client, server, pulse);
      pulse.watch(transport, (reason) => {
        connection.lost ??= reason;
        client.destroy();
      });
      return connection;
    } catch (error) {
      client.destroy();
      transport.destroy();
      if (signal?.aborted) throw signal.reason;
      throw error instanceof TransportError ? error : loginError(error, server, attempts.tried);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Starts a command through the login shell; its standard input and output are the stream.
   * When it fails the stream breaks with what it wrote to standard error.
   * `onClose` is called when its channel is closed. Rejects with ssh2's own error; see `isChannelRefusal`.
   */
  async exec(command: string, onClose: () => void): Promise<Duplex> {
    const channel = await this.#open((done) => this.client.exec(command, done));
    const stream = new StreamPair(channel, channel, () => channel.close());
    channel.once("end", () => setTimeout(() => stream.finishReading(), EXIT_GRACE).unref());
    onEnd(channel, ({ status, stderr }) => {
      onClose();
      if (status === 0) stream.finish();
      else stream.destroy(this.#endOf(command, status, stderr));
    });
    return stream;
  }

  /** Runs a command without input to its end. Rejects like `exec`. */
  async run(command: string, onClose: () => void): Promise<CommandResult> {
    const channel = await this.#open((done) => this.client.exec(command, done));
    channel.end();
    let stdout = "";
    channel.on("data", (chunk: Buffer) => {
      if (stdout.length < OUTPUT_KEPT) stdout += chunk.toString("utf8");
    });
    return await new Promise((resolve, reject) => {
      const ended = this.pulse.timer(this.server.timeout, () => {
        channel.close();
        reject(this.#timedOut(`run ${command}`, HANGING_SHELL));
      });
      onEnd(channel, ({ status, stderr }) => {
        ended();
        onClose();
        resolve({ stdout, stderr, status });
      });
    });
  }

  /** Starts a command that nobody hears or waits for; resolves with its channel. Rejects like `exec`. */
  async start(command: string, onClose: () => void): Promise<Duplex> {
    const channel = await this.#open((done) => this.client.exec(command, done));
    channel.end();
    channel.resume();
    onEnd(channel, onClose);
    return channel;
  }

  /** Opens a channel to a unix socket of the server. */
  async openUnix(path: string): Promise<Duplex> {
    const channel = await this.#open((done) => this.client.openssh_forwardOutStreamLocal(path, done));
    const stream = new StreamPair(channel, channel, () => channel.close());
    channel.once("end", () => stream.finishReading());
    channel.once("close", () => {
      if (this.lost !== undefined) stream.destroy(this.#lostError());
      else stream.finish();
    });
    return stream;
  }

  /** Opens a TCP connection from the server to another host. */
  async openTcp(host: string, port: number): Promise<Duplex> {
    return await this.#open((done) => this.client.forwardOut("127.0.0.1", 0, host, port, done));
  }

  end(): void {
    this.client.end();
  }

  async #open(
    start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
  ): Promise<ClientChannel> {
    if (this.lost !== undefined) throw this.#lostError();
    return await new Promise((resolve, reject) => {
      let late = false;
      const answered = this.pulse.timer(this.server.timeout, () => {
        late = true;
        reject(this.#timedOut("open an ssh channel"));
      });
      start((error, channel) => {
        answered();
        if (error) {
          reject(this.lost === undefined ? error : this.#lostError());
          return;
        }
        channel.on("error", () => undefined);
        // Nobody waits for it any more.
        if (late) channel.close();
        else resolve(channel);
      });
    });
  }

  #timedOut(step: string, remedy?: string): TransportError {
    const reason = `no answer within ${this.server.timeout} s`;
    return new TransportError("timeout", { step, host: this.server.description, reason, remedy });
  }

  #lostError(): TransportError {
    return new TransportError("unreachable", {
      step: "keep the ssh connection",
      host: this.server.description,
      reason: this.lost?.message ?? "it was closed",
      cause: this.lost,
    });
  }

  #endOf(command: string, status: number | undefined, stderr: string): TransportError {
    if (status === undefined && this.lost !== undefined) return this.#lostError();
    return new TransportError("refused", {
      step: `run ${command}`,
      host: this.server.description,
      reason: `${stderr || "it said nothing"} (${status === undefined ? "killed" : `exit status ${status}`})`,
    });
  }
}

/** Calls `done` with status and error text when the command's channel is closed. */
function onEnd(channel: ClientChannel, done: (end: Omit<CommandResult, "stdout">) => void): void {
  let stderr = "";
  channel.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < OUTPUT_KEPT) stderr += chunk.toString("utf8");
  });
  // Not at "exit": that of a quick command may come in one piece with the word that it was started, before we listen.
  channel.once("close", (code?: number | null) => done({ status: code ?? undefined, stderr: stderr.trim() }));
}

/** Offers one key after the other and remembers which. */
class LoginAttempts {
  readonly tried: string[] = [];
  #left: Identity[];

  constructor(private readonly server: SshServer) {
    this.#left = [...server.keys.identities];
  }

  readonly next = (
    _left: AuthenticationType[] | null,
    _partial: boolean | null,
    done: (next: AnyAuthMethod | false) => void,
  ): void => {
    const identity = this.#left.shift();
    if (identity === undefined) {
      done(false);
      return;
    }
    this.tried.push(identity.label);
    const username = this.server.user;
    if (identity.kind === "agent") {
      done({ type: "agent", username, agent: new OneKeyAgent(identity.socket, identity.publicKey) });
    } else {
      const passphrase = identity.passphrase === undefined ? {} : { passphrase: identity.passphrase };
      done({ type: "publickey", username, key: identity.text, ...passphrase });
    }
  };
}
