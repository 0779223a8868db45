import type { Duplex } from "node:stream";
import { int, optional, string, struct, uuid } from "./codec";
import { ConnectionLost, LibvirtError } from "./errors";
import { encodeFrame, encodeHead, type Frame, FrameReader, messageStatus, messageType, programs } from "./frame";
import { Link } from "./link";
import { type ProcedureArgs, type ProcedureName, type ProcedureResult, procedure } from "./procedures";
import { XdrReader, XdrWriter } from "./xdr";

const remoteError = struct({
  code: int,
  domain: int,
  message: optional(string),
  level: int,
  dom: optional(struct({ name: string, uuid, id: int })),
  str1: optional(string),
  str2: optional(string),
  str3: optional(string),
  int1: int,
  int2: int,
  net: optional(struct({ name: string, uuid })),
});

/** `missesBehindUploads`: five minutes; a link that is dead is noticed by its ssh, or when nothing of an upload leaves. */
const keepalive = { ping: 1, pong: 2, intervalMs: 5000, missesAllowed: 6, missesBehindUploads: 60 } as const;

/** Enough for the link to stay busy, little enough for memory. */
const unsentLimit = 4 * 1024 * 1024;

/** Larger frames wait for nobody. */
const togetherLimit = 16 * 1024;

interface Pending {
  readonly name: string;
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Receives what the daemon sends on a stream. */
export interface StreamListener {
  data(frame: Frame): void;
  failed(error: Error): void;
}

/** One byte stream to the daemon that speaks libvirt's RPC. Knows calls, streams, events and keepalive; no policy. */
export class RpcChannel {
  private readonly pending = new Map<number, Pending>();
  private readonly streams = new Map<number, StreamListener>();
  private readonly reader = new FrameReader();
  private serial = 0;
  /** Bytes of streams that have not left yet, and who waits for that. */
  private unsent = 0;
  private readonly held: (() => void)[] = [];
  /** Frames of this turn. They leave together: over ssh each write is a packet, encrypted and sent for itself. */
  private readonly outbox: { readonly bytes: Buffer; readonly gone: (() => void) | undefined }[] = [];
  private missedPings = 0;
  private readonly keepaliveTimer: NodeJS.Timeout;
  private lost: Error | undefined;
  private readonly closeListeners: ((reason: Error) => void)[] = [];
  /** Called for every event; must not throw and must not wait. */
  onEvent: (procedure: number, payload: Buffer) => void = () => undefined;

  constructor(
    private readonly socket: Duplex,
    private readonly description: string,
    private readonly link = new Link(),
  ) {
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("error", (error: Error) => this.fail(error));
    socket.on("close", () => this.fail(new Error("the other side closed it")));
    socket.on("end", () => this.fail(new Error("the other side closed it")));
    this.keepaliveTimer = setInterval(() => this.ping(), keepalive.intervalMs);
    this.keepaliveTimer.unref();
  }

  get isOpen(): boolean {
    return this.lost === undefined;
  }

  onClose(listener: (reason: Error) => void): void {
    this.closeListeners.push(listener);
  }

  /** Ends the channel when `signal` fires: for one that a single operation has for itself. */
  endOn(signal: AbortSignal): void {
    const end = () => this.fail(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    this.onClose(() => signal.removeEventListener("abort", end));
  }

  /** Calls a procedure and waits for its reply. */
  async call<N extends ProcedureName>(name: N, args: ProcedureArgs<N>): Promise<ProcedureResult<N>> {
    const reply = await this.start(name, args).reply;
    return procedure(name).result.read(new XdrReader(reply.payload)) as ProcedureResult<N>;
  }

  /** Sends a call; the serial names the stream that it opens, if it opens one. */
  start<N extends ProcedureName>(name: N, args: ProcedureArgs<N>): { serial: number; reply: Promise<Frame> } {
    if (this.lost) {
      const refused = Promise.reject(
        new ConnectionLost(`the connection to ${this.description} is lost: ${this.lost.message}`, false, this.lost),
      );
      return { serial: 0, reply: refused };
    }
    const { number, args: codec, program = programs.remote } = procedure(name);
    const writer = new XdrWriter();
    codec.write(writer, args);
    this.serial += 1;
    const serial = this.serial;
    const reply = new Promise<Frame>((resolve, reject) => this.pending.set(serial, { name, resolve, reject }));
    this.send({
      program,
      procedure: number,
      type: messageType.call,
      serial,
      status: messageStatus.ok,
      payload: writer.finish(),
    });
    return { serial, reply };
  }

  /** Sends one packet of a stream; resolves when little enough waits to leave that more may follow. */
  sendStream(
    procedure: number,
    serial: number,
    status: number,
    payload: Buffer,
    type: number = messageType.stream,
  ): Promise<void> {
    this.unsent += payload.length;
    this.send({ program: programs.remote, procedure, type, serial, status, payload }, () => {
      this.unsent -= payload.length;
      // It leaves, if slowly; our pings wait behind it.
      this.missedPings = 0;
      if (this.unsent < unsentLimit) this.letGo();
    });
    if (this.unsent < unsentLimit || this.lost) return Promise.resolve();
    return new Promise((resolve) => this.held.push(resolve));
  }

  listenStream(serial: number, listener: StreamListener | undefined): void {
    if (listener) this.streams.set(serial, listener);
    else this.streams.delete(serial);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends the channel; pending calls are rejected with `reason`. */
  destroy(reason: Error): void {
    this.fail(reason);
  }

  private send(frame: Frame, gone?: () => void): void {
    if (frame.payload.length > togetherLimit) {
      this.flush();
      this.sendLong(frame, gone);
      return;
    }
    this.outbox.push({ bytes: encodeFrame(frame), gone });
    if (this.outbox.length === 1) setImmediate(() => this.flush());
  }

  /** Without a copy of the payload: an upload would copy all that it sends. */
  private sendLong(frame: Frame, gone?: () => void): void {
    if (this.lost) return;
    this.socket.cork();
    this.socket.write(encodeHead(frame));
    this.socket.write(frame.payload, () => gone?.());
    this.socket.uncork();
  }

  private flush(): void {
    const frames = this.outbox.splice(0);
    const [first, ...others] = frames;
    if (!first || this.lost) return;
    const bytes = others.length === 0 ? first.bytes : Buffer.concat(frames.map((frame) => frame.bytes));
    this.socket.write(bytes, () => {
      for (const { gone } of frames) gone?.();
    });
  }

  private letGo(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }

  private receive(chunk: Buffer): void {
    this.missedPings = 0;
    try {
      for (const frame of this.reader.push(chunk)) this.dispatch(frame);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private dispatch(frame: Frame): void {
    if (frame.program === programs.keepalive) {
      if (frame.procedure === keepalive.ping) this.sendKeepalive(keepalive.pong);
    } else if (frame.type === messageType.message) {
      this.onEvent(frame.procedure, frame.payload);
    } else if (frame.type === messageType.reply) {
      this.settle(frame);
    } else {
      const stream = this.streams.get(frame.serial);
      if (frame.status === messageStatus.error && frame.payload.length > 0)
        stream?.failed(this.errorOf(frame, "stream"));
      else stream?.data(frame);
    }
  }

  /** Replies to late stream packets carry serials that nobody waits for. */
  private settle(frame: Frame): void {
    const call = this.pending.get(frame.serial);
    if (!call) return;
    this.pending.delete(frame.serial);
    if (frame.status === messageStatus.error) call.reject(this.errorOf(frame, call.name));
    else call.resolve(frame);
  }

  private errorOf(frame: Frame, name: string): Error {
    const { code, domain, message } = remoteError.read(new XdrReader(frame.payload));
    return new LibvirtError(code, domain, message ?? `error ${code}`, name);
  }

  private ping(): void {
    // Its answers wait behind what we do not take yet.
    if (this.socket.isPaused()) this.missedPings = 0;
    // Where something of an upload waits in this very channel, the link is dead if for so long nothing of it leaves.
    const isBehind = this.link.isBusy && this.unsent === 0;
    const allowed = isBehind ? keepalive.missesBehindUploads : keepalive.missesAllowed;
    if (this.missedPings >= allowed) {
      const seconds = (keepalive.intervalMs * allowed) / 1000;
      this.fail(new Error(`the daemon did not answer for ${seconds} s`));
      return;
    }
    this.missedPings += 1;
    this.sendKeepalive(keepalive.ping);
  }

  private sendKeepalive(procedure: number): void {
    const { message: type } = messageType;
    this.send({
      program: programs.keepalive,
      procedure,
      type,
      serial: 0,
      status: messageStatus.ok,
      payload: Buffer.alloc(0),
    });
  }

  private fail(reason: Error): void {
    if (this.lost) return;
    this.lost = reason;
    clearInterval(this.keepaliveTimer);
    this.socket.destroy();
    const text = `the connection to ${this.description} is lost: ${reason.message}`;
    for (const call of this.pending.values())
      call.reject(new ConnectionLost(`${text} (while ${call.name} was under way)`, true, reason));
    for (const stream of this.streams.values()) stream.failed(new ConnectionLost(text, true, reason));
    this.pending.clear();
    this.streams.clear();
    this.letGo();
    for (const listener of this.closeListeners) listener(reason);
  }
}
