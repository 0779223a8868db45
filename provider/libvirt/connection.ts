import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dialer } from "../transport/dialer";
import { TransportError } from "../transport/errors";
import type { CallOptions, DomainEvent, Libvirt, TransferOptions, VolumeHandle } from "./api";
import { callWithin, DeadlineExceeded, deadlineOf } from "./deadlines";
import { ConnectionLost, errorCode, LibvirtError, WrongHost } from "./errors";
import { decodeEvent, domainEventIds } from "./events";
import { handshake, type Opened } from "./handshake";
import { Link } from "./link";
import { type ProcedureArgs, type ProcedureName, type ProcedureResult, procedure } from "./procedures";
import { RpcChannel } from "./rpc";
import { downloadFrom, uploadTo, verifyUpload } from "./stream";

/** With a fifth call stuck in it, the daemon stops to read a client at all (max_client_requests). */
const callsPerChannel = 4;
const channelLimit = 4;
const reconnectFirstMs = 50;
const reconnectMaxMs = 2000;
const reconnectForMs = 15_000;

export interface ConnectOptions {
  /** Address as the user wrote it. */
  readonly uri: string;
  /** What CONNECT_OPEN asks the daemon for, such as qemu:///system. */
  readonly driverUri: string;
  readonly dialer: Dialer;
  /** UUID that the host must have; another machine behind the same name is an error. */
  readonly expectedHostUuid?: string;
}

/** Opens a connection. Throws LibvirtError, ConnectionLost, or whatever the dialer throws. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const connection = new Connection(options);
  try {
    await connection.open();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** A pool of channels to one daemon. Channels are opened as calls need them and re-opened after a loss. */
export class Connection implements Libvirt {
  readonly uri: string;
  hostUuid = "";
  version = 0;
  private readonly channels: RpcChannel[] = [];
  /** Calls that each channel was given and that have not ended. */
  private readonly load = new WeakMap<RpcChannel, number>();
  private readonly link = new Link();
  private limit = channelLimit;
  private opening: Promise<RpcChannel> | undefined;
  /** Why the host could not be reached again, for as long as it is not tried anew. */
  private givenUp: { readonly error: unknown; readonly until: number } | undefined;
  private readonly waiting: (() => void)[] = [];
  private readonly handlers = new Set<(event: DomainEvent) => void>();
  private eventChannel: Promise<RpcChannel> | undefined;
  private readonly closing = new AbortController();
  private lostBefore = false;

  constructor(private readonly options: ConnectOptions) {
    this.uri = options.uri;
  }

  async open(): Promise<void> {
    const { channel, hostUuid, version } = await this.dial();
    this.hostUuid = hostUuid;
    this.version = version;
    this.admit(channel);
  }

  async call<N extends ProcedureName>(
    name: N,
    args: ProcedureArgs<N>,
    options: CallOptions = {},
  ): Promise<ProcedureResult<N>> {
    const { since } = procedure(name);
    if (since !== undefined && since > this.version) {
      throw new LibvirtError(
        errorCode.noSupport,
        0,
        `${name} needs libvirt ${spell(since)}, the host has ${spell(this.version)}`,
        name,
      );
    }
    for (let repeated = false; ; repeated = true) {
      const channel = await this.acquire();
      try {
        const deadline = options.timeout ?? deadlineOf(name, this.link.isBusy);
        return await callWithin(deadline, channel, name, args);
      } catch (error) {
        // What only asks may be asked again over a new channel; what changes something never is.
        if (repeated || !asksOnly(name) || !wasCutOff(error)) throw error;
      } finally {
        this.load.set(channel, this.loadOf(channel) - 1);
        this.waiting.shift()?.();
      }
    }
  }

  async upload(
    volume: VolumeHandle,
    source: Readable | AsyncIterable<Buffer>,
    options: TransferOptions = {},
  ): Promise<void> {
    await this.transfer(options, async (channel, release) => {
      try {
        await this.link.upload(async () => {
          const witness = await uploadTo(channel, volume, source, options);
          if (witness) await verifyUpload(channel, volume, witness);
        });
      } finally {
        release();
      }
    });
  }

  async download(volume: VolumeHandle, options: TransferOptions = {}): Promise<Readable> {
    return this.transfer(options, (channel, release) => downloadFrom(channel, volume, options, release));
  }

  async onDomainEvent(handler: (event: DomainEvent) => void): Promise<() => void> {
    this.handlers.add(handler);
    try {
      await this.listen();
    } catch (error) {
      this.handlers.delete(handler);
      throw error;
    }
    return () => void this.handlers.delete(handler);
  }

  async close(): Promise<void> {
    this.closing.abort();
    for (const channel of this.channels.splice(0)) channel.destroy(new Error("we closed it"));
    // First, for what is being dialled ends with it.
    await this.options.dialer.close();
    const events = await this.eventChannel?.catch(() => undefined);
    events?.destroy(new Error("we closed it"));
  }

  private get closed(): boolean {
    return this.closing.signal.aborted;
  }

  /** Runs `work` with a channel of its own, which ends when that is cancelled: whatever fails then has failed for it. */
  private async transfer<T>(
    { signal }: TransferOptions,
    work: (channel: RpcChannel, release: () => void) => Promise<T>,
  ): Promise<T> {
    try {
      const { channel } = await this.dialAgain(false, signal);
      return await work(channel, () => channel.destroy(new Error("the transfer is over")));
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** A place for one more call in a channel; opens another channel, or waits, when all are full. */
  private async acquire(): Promise<RpcChannel> {
    for (;;) {
      const open = this.channels.filter((channel) => channel.isOpen);
      // The fullest that has room: what is asked together leaves together.
      const [best] = open
        .filter((channel) => this.loadOf(channel) < callsPerChannel)
        .sort((a, b) => this.loadOf(b) - this.loadOf(a));
      if (best) {
        // Taken before anybody else can look: the call itself is sent a turn later.
        this.load.set(best, this.loadOf(best) + 1);
        return best;
      }
      if (open.length === 0) {
        await this.reopen();
        continue;
      }
      if (open.length < this.limit && !this.opening) this.grow();
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  private loadOf(channel: RpcChannel): number {
    return this.load.get(channel) ?? 0;
  }

  /** Opens one more channel in the background; when it is there, or cannot be, those who wait look again. */
  private grow(): void {
    const wake = () => {
      for (const resolve of this.waiting.splice(0)) resolve();
    };
    this.reopen().then(wake, () => {
      // A host that gives no more channels is not asked again and again; the calls go on over those that are there.
      this.limit = Math.max(1, this.channels.length);
      wake();
    });
  }

  private reopen(): Promise<RpcChannel> {
    this.opening ??= this.redial().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  /** A host that is gone is waited for once in a while, not by each of its hundred resources one after another. */
  private async redial(): Promise<RpcChannel> {
    if (this.givenUp && performance.now() < this.givenUp.until) throw this.givenUp.error;
    const began = performance.now();
    const wasLost = this.lostBefore;
    try {
      const { channel } = await this.dialAgain(wasLost);
      this.admit(channel);
      this.lostBefore = false;
      this.givenUp = undefined;
      return channel;
    } catch (error) {
      if (wasLost) this.givenUp = { error, until: 2 * performance.now() - began };
      throw error;
    }
  }

  /** Opens one more channel; when the connection was lost it tries for a while: a daemon that restarts needs seconds. */
  private async dialAgain(wasLost = false, signal?: AbortSignal): Promise<Opened> {
    const giveUp = performance.now() + (wasLost ? reconnectForMs : 0);
    for (let pause = reconnectFirstMs; ; pause = Math.min(pause * 2, reconnectMaxMs)) {
      if (this.closed) throw new ConnectionLost(`the connection to ${this.uri} was closed`, false);
      try {
        const opened = await this.dial(signal);
        if (!this.closed) return opened;
        // Closed while it was dialled: nobody would ever close this one, and the process would not end.
        opened.channel.destroy(new Error("we closed it"));
      } catch (error) {
        if (performance.now() >= giveUp || error instanceof WrongHost) throw asLost(error);
        await sleep(pause, undefined, { signal: this.closing.signal }).catch(() => undefined);
      }
    }
  }

  private admit(channel: RpcChannel): void {
    this.channels.push(channel);
    channel.onClose(() => {
      const index = this.channels.indexOf(channel);
      if (index >= 0) this.channels.splice(index, 1);
      if (this.channels.length === 0 && !this.closed) this.lostBefore = true;
      for (const wake of this.waiting.splice(0)) wake();
    });
  }

  private async dial(signal?: AbortSignal): Promise<Opened> {
    const { dialer, driverUri } = this.options;
    const channel = new RpcChannel(await dialer.dial(signal), dialer.description, this.link);
    if (signal) channel.endOn(signal);
    const opened = await handshake(channel, driverUri, this.link);
    const expected = this.hostUuid || this.options.expectedHostUuid;
    if (expected !== undefined && expected !== "" && opened.hostUuid !== expected) {
      opened.channel.destroy(new Error("it is another machine"));
      throw new WrongHost(opened.hostUuid, expected);
    }
    return opened;
  }

  private publish(event: DomainEvent): void {
    for (const handler of this.handlers) handler(event);
  }

  private listen(wasLost = false): Promise<RpcChannel> {
    this.eventChannel ??= this.openEvents(wasLost).catch((error) => {
      this.eventChannel = undefined;
      throw error;
    });
    return this.eventChannel;
  }

  private async openEvents(wasLost: boolean): Promise<RpcChannel> {
    const { channel } = await this.dialAgain(wasLost);
    channel.onEvent = (number, payload) => {
      const event = decodeEvent(number, payload);
      // From a queue of its own, so that a handler may call the daemon.
      if (event) setImmediate(() => this.publish(event));
    };
    try {
      const name = "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY";
      for (const eventID of Object.values(domainEventIds)) {
        await callWithin(deadlineOf(name, this.link.isBusy), channel, name, { eventID, dom: undefined });
      }
    } catch (error) {
      channel.destroy(new Error("it gives no events"));
      throw error;
    }
    channel.onClose(() => {
      this.eventChannel = undefined;
      if (this.handlers.size > 0 && !this.closed) this.listen(true).catch(() => undefined);
    });
    return channel;
  }
}

/** Those who work on a host do not know how it is reached: to them its connection is lost. */
function asLost(error: unknown): unknown {
  if (!(error instanceof TransportError)) return error;
  const { step, host, reason, remedy } = error;
  return new ConnectionLost(`cannot ${step} on ${host}: ${reason}`, false, error, remedy);
}

/** True for procedures that change nothing, by libvirt's way of naming them. */
function asksOnly(name: ProcedureName): boolean {
  return /(^|_)(GET|LIST|LOOKUP|IS|HAS|SUPPORTS)_|^DOMAIN_INTERFACE_ADDRESSES$/.test(name);
}

/** True when the connection ended by itself, not because we gave it up. */
function wasCutOff(error: unknown): boolean {
  return error instanceof ConnectionLost && !(error.cause instanceof DeadlineExceeded);
}

function spell(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join(".");
}
