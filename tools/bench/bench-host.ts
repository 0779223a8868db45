import { createReadStream, statSync } from "node:fs";
import { Hosts } from "../../provider/adapters/hosts";
import type { Context, Handler, HostReference, Meta, Values } from "../../provider/core/handler";
import type { Libvirt, VolumeHandle } from "../../provider/libvirt/api";
import { network } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { volume } from "../../provider/resources/volume";

const kinds = { Network: network, StoragePool: storagePool, Volume: volume, VirtualMachine: virtualMachine } as const;
type Kind = keyof typeof kinds;

/** Always the same, so that a benchmark that was broken off is gone on with, and cleaned up after, by the next. */
const owner = "bebebebebebebebebebebebebebebebe";

interface Made {
  readonly handler: Handler;
  readonly meta: Meta;
  readonly id: string;
  readonly state: Values;
}

/** What a benchmark makes on a host, as a program would make it, and takes away at its end. */
export class BenchHost {
  private readonly hosts = new Hosts();
  private readonly made: Made[] = [];

  constructor(
    private readonly uri: string,
    private readonly poolPath: string,
  ) {}

  connection(): Promise<Libvirt> {
    return this.hosts.connect({ uri: this.uri });
  }

  /** An object with these arguments, and what it answers. */
  async make(kind: Kind, name: string, args: Values): Promise<Values> {
    const handler: Handler = kinds[kind];
    const urn = `urn:pulumi:bench::devices::pulumi-nodejs:dynamic/kvm:${kind}::${name}`;
    const meta: Meta = { organization: "organization", project: "devices", stack: "bench", urn };
    const { inputs, failures } = handler.check(args, undefined, meta);
    if (failures.length > 0) {
      throw new Error(failures.map(({ property, reason }) => `${kind} ${name}: ${property}: ${reason}`).join("\n"));
    }
    const { id, state } = await handler.create(inputs, this.context(meta));
    this.made.push({ handler, meta, id, state });
    return state;
  }

  async machine(name: string, args: Values): Promise<Values> {
    const quiet = { agent: false, rng: false, autostart: false, waitForAddress: false, stopTimeout: "0 s" };
    return this.make("VirtualMachine", name, { host: await this.reference(), ...quiet, ...args });
  }

  async network(name: string): Promise<Values> {
    const { name: found } = await this.make("Network", name, { host: await this.reference(), mode: "isolated" });
    return { name: found };
  }

  /** An empty raw volume in the benchmark's own pool. */
  async volume(name: string, size: string | number): Promise<Values> {
    const args = { pool: await this.pool(), format: "raw", size };
    const { path, name: file, format } = await this.make("Volume", name, args);
    return { path, name: file, format };
  }

  /** A file of this machine on the host, as it is: a Volume is filled with images alone. Answers its path there. */
  async file(name: string, source: string): Promise<string> {
    const sector = 512;
    const reference = await this.volume(name, Math.ceil(statSync(source).size / sector) * sector);
    await (await this.connection()).upload(await this.handleOf(reference), createReadStream(source));
    return String(reference["path"]);
  }

  /** What stands in a volume, up to the first zero. */
  async textOf(reference: Values): Promise<string> {
    const connection = await this.connection();
    const chunks: Buffer[] = [];
    for await (const chunk of await connection.download(await this.handleOf(reference))) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("latin1").split("\0")[0] ?? "";
  }

  /** Takes away all that was made from the `mark` on, the newest first. */
  async remove(mark = 0): Promise<void> {
    while (this.made.length > mark) {
      const last = this.made.at(-1);
      // That plugs are pulled is meant.
      if (last) await last.handler.delete(last.id, last.state, { ...this.context(last.meta), warn: () => {} });
      this.made.pop();
    }
  }

  get mark(): number {
    return this.made.length;
  }

  async close(): Promise<void> {
    try {
      await this.remove();
    } finally {
      await this.hosts.close();
    }
  }

  private folder: Promise<Values> | undefined;

  private async handleOf(reference: Values): Promise<VolumeHandle> {
    return { pool: String((await this.pool())["name"]), name: String(reference["name"]), key: "" };
  }

  private pool(): Promise<Values> {
    const make = async () => {
      const host = await this.reference();
      const state = await this.make("StoragePool", "images", { host, type: "dir", path: this.poolPath });
      return { uuid: state["uuid"], name: state["name"], type: "dir", path: state["path"], host };
    };
    this.folder ??= make();
    return this.folder;
  }

  private async reference(): Promise<HostReference & Values> {
    return { uri: this.uri, uuid: (await this.connection()).hostUuid, owner };
  }

  private context(meta: Meta): Context {
    const show = (line: string) => console.error(`  ${line}`);
    return {
      meta,
      signal: new AbortController().signal,
      connect: (host) => this.hosts.connect(host),
      progress: () => {},
      warn: show,
      info: show,
    };
  }
}
