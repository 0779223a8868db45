import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Handler, Values } from "../../provider/core/handler";
import { PartialFailure } from "../../provider/core/handler";
import { cloudInitDisk } from "../../provider/resources/cloud-init-disk";
import { storagePool } from "../../provider/resources/storage-pool";
import { volume } from "../../provider/resources/volume";
import { handlerContext, metaOf, type TestContext } from "./handler-context";
import type { LabHost } from "./host";
import { owner } from "./machines";

/** A pool of the tests, made as a program makes it; what it answers is a reference for volumes. */
export async function pool(host: LabHost, name: string, path = join(host.directory, name)): Promise<Values> {
  const context = handlerContext(metaOf(name, "StoragePool"));
  const reference = { uri: host.socketUri, uuid: host.uuid, owner };
  const { inputs, failures } = storagePool.check({ host: reference, name, path }, undefined, context.meta);
  expect(failures).toEqual([]);
  const { state } = await storagePool.create(inputs, context);
  await context.close();
  return { uuid: state["uuid"], name, type: "dir", path: state["path"], host: reference };
}

/** A volume or medium of the tests, driven as the engine does it: what one call answers goes into the next. */
export class Stored {
  readonly context: TestContext;
  id = "";
  state: Values = {};

  constructor(
    private readonly handler: Handler,
    private readonly pool: Values,
    logicalName: string,
    type: string,
  ) {
    this.context = handlerContext(metaOf(logicalName, type));
  }

  static volume(inPool: Values, name: string): Stored {
    return new Stored(volume, inPool, name, "Volume");
  }

  static medium(inPool: Values, name: string): Stored {
    return new Stored(cloudInitDisk, inPool, name, "CloudInitDisk");
  }

  get name(): string {
    return String(this.state["name"]);
  }

  get path(): string {
    return String(this.state["path"]);
  }

  /** What a program passes on to those that refer to it. */
  get reference(): Values {
    const { name, path, format } = this.state;
    return { name, path, format, pool: this.pool["uuid"] };
  }

  inputs(args: Values): Values {
    const olds = this.id === "" ? undefined : this.state;
    const { inputs, failures } = this.handler.check({ pool: this.pool, ...args }, olds, this.context.meta);
    expect(failures).toEqual([]);
    return inputs;
  }

  /** The same resource in the next run of the program. */
  nextRun(): Stored {
    const { context, id, state } = this;
    return Object.assign(Object.create(Stored.prototype), this, { context: handlerContext(context.meta), id, state });
  }

  async create(args: Values): Promise<this> {
    try {
      ({ id: this.id, state: this.state } = await this.handler.create(this.inputs(args), this.context));
    } catch (error) {
      // The engine keeps what a partial failure says.
      if (error instanceof PartialFailure) ({ id: this.id, state: this.state } = error);
      throw error;
    }
    return this;
  }

  async up(args: Values): Promise<void> {
    this.state = await this.handler.update(this.id, this.state, this.inputs(args), this.context);
  }

  diff(args: Values) {
    return this.handler.diff(this.id, this.state, this.inputs(args));
  }

  /** Refreshes; answers what the next `up` of the same program would change, as the engine asks for it. */
  async refresh(): Promise<string[] | "gone"> {
    const seen = await this.handler.read(this.id, this.state, this.context);
    if (!seen) return "gone";
    const [olds, news] = [{ ...seen.state, ...seen.inputs }, this.state];
    this.state = seen.state;
    return this.handler.diff(this.id, olds, news).changes.map(({ property }) => property);
  }

  async delete(): Promise<void> {
    await this.handler.delete(this.id, this.state, this.context);
  }
}

/** What qemu-img says about an image. */
export function imageInfo(path: string): Readonly<Record<string, unknown>> {
  return JSON.parse(execFileSync("qemu-img", ["info", "-U", "--output=json", path], { encoding: "utf8" }));
}

/** Whether both images hold the same disk, and neither is damaged. */
export function sameDisk(one: string, other: string): boolean {
  execFileSync("qemu-img", ["compare", "-q", one, other]);
  if (imageInfo(other)["format"] === "qcow2") execFileSync("qemu-img", ["check", "-q", other]);
  return true;
}
