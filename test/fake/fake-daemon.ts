import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { int, optional, string, struct, uuid } from "../../provider/libvirt/codec";
import { type Connection, connect } from "../../provider/libvirt/connection";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  messageStatus,
  messageType,
  programs,
} from "../../provider/libvirt/frame";
import { type ProcedureName, procedure, procedures } from "../../provider/libvirt/procedures";
import { XdrWriter } from "../../provider/libvirt/xdr";
import type { Dialer } from "../../provider/transport/dialer";
import { TransportError } from "../../provider/transport/errors";

/** Layout of remote_error, as a real daemon was seen to fill it in. */
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

const capabilities = "<capabilities><host><uuid>aaaaaaaa-0000-4000-8000-000000000009</uuid></host></capabilities>";

/** What a client does first, answered as libvirtd 9.0 does. */
const opening: Readonly<Partial<Record<ProcedureName, object>>> = {
  AUTH_LIST: { types: [0] },
  CONNECT_OPEN: {},
  CONNECT_GET_LIB_VERSION: { libVersion: 9_000_000n },
  CONNECT_GET_CAPABILITIES: { capabilities },
};

const names = new Map<string, ProcedureName>(
  (Object.keys(procedures) as ProcedureName[]).map((name) => {
    const { program = programs.remote, number } = procedure(name);
    return [`${program}/${number}`, name];
  }),
);

/** One call that has come in, with what may be done about it. */
export class Received {
  constructor(
    readonly name: ProcedureName | undefined,
    readonly frame: Frame,
    readonly line: Line,
  ) {}

  answer(result: object, serial = this.frame.serial): void {
    const writer = new XdrWriter();
    if (this.name) procedure(this.name).result.write(writer, result);
    this.line.send({
      ...this.frame,
      serial,
      type: messageType.reply,
      status: messageStatus.ok,
      payload: writer.finish(),
    });
  }

  fail(code: number, message: string, type: number = messageType.reply): void {
    const writer = new XdrWriter();
    const none = { dom: undefined, str1: undefined, str2: undefined, str3: undefined, net: undefined };
    remoteError.write(writer, { code, domain: 10, message, level: 2, int1: 0, int2: 0, ...none });
    this.line.send({ ...this.frame, type, status: messageStatus.error, payload: writer.finish() });
  }
}

/** The daemon's end of one connection. */
export class Line {
  readonly client: Duplex;
  private readonly reader = new FrameReader();
  /** Everything that the client sent and nobody has answered. */
  readonly received: Received[] = [];

  constructor(private readonly daemon: FakeDaemon) {
    const line = this;
    this.client = new Duplex({
      read() {
        return undefined;
      },
      write(chunk: Buffer, _encoding, callback) {
        for (const frame of line.reader.push(chunk)) line.take(frame);
        setImmediate(callback);
      },
    });
  }

  send(frame: Frame): void {
    this.raw(encodeFrame(frame));
  }

  /** Bytes as they are, whole frames or not. */
  raw(bytes: Buffer): void {
    setImmediate(() => this.client.destroyed || this.client.push(bytes));
  }

  hangUp(): void {
    setImmediate(() => this.client.destroy());
  }

  private take(frame: Frame): void {
    if (frame.program === programs.keepalive) {
      if (this.daemon.breathing) this.send({ ...frame, procedure: 2 });
      return;
    }
    const name = names.get(`${frame.program}/${frame.procedure}`);
    const received = new Received(name, frame, this);
    const known = frame.type === messageType.call && name !== undefined ? opening[name] : undefined;
    if (known && !this.daemon.silent) received.answer(known);
    else this.daemon.onReceived(received);
  }
}

/** A daemon that does what real ones do not do on demand. It runs in this process, behind a dialer of its own. */
export class FakeDaemon implements Dialer {
  readonly description = "a fake daemon";
  readonly driverUri = "qemu:///system";
  readonly lines: Line[] = [];
  /** Answers not even the opening. */
  silent = false;
  /** Answers keepalive, as one does whose workers all hang. */
  breathing = false;
  /** Dials that are refused from now on. */
  refusing = false;
  dials = 0;
  onReceived: (received: Received) => void = () => undefined;

  connect(): Promise<Connection> {
    return connect({ uri: "qemu+ssh://h/system", driverUri: this.driverUri, dialer: this });
  }

  /** Collects what comes in from now on instead of answering it. */
  collect(): Received[] {
    const all: Received[] = [];
    this.onReceived = (received) => all.push(received);
    return all;
  }

  async dial(_signal?: AbortSignal): Promise<Duplex> {
    this.dials += 1;
    if (this.refusing) {
      const [step, reason, remedy] = ["connect", "connection refused", "start the daemon."];
      throw new TransportError("refused", { step, host: this.description, reason, remedy });
    }
    const line = new Line(this);
    this.lines.push(line);
    return line.client;
  }

  async close(): Promise<void> {
    for (const line of this.lines) line.client.destroy();
  }
}

export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 10_000) throw new Error("it never happened");
    await turn();
  }
}
