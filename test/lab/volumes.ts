import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Handler, Values } from "../../provider/core/handler";
import { cloudInitDisk } from "../../provider/resources/cloud-init-disk";
import { storagePool } from "../../provider/resources/storage-pool";
import { volume } from "../../provider/resources/volume";
import { handlerContext, metaOf } from "./handler-context";
import type { LabHost } from "./host";
import { referenceOf } from "./machines";
import { Managed } from "./managed";

/** A pool of the tests, made as a program makes it; what it answers is a reference for volumes. */
export async function pool(host: LabHost, name: string, path = join(host.directory, name)): Promise<Values> {
  const context = handlerContext(metaOf(name, "StoragePool"));
  const reference = referenceOf(host);
  const { inputs, failures } = storagePool.check({ host: reference, name, path }, undefined, context.meta);
  expect(failures).toEqual([]);
  const { state } = await storagePool.create(inputs, context);
  await context.close();
  return { uuid: state["uuid"], name, type: "dir", path: state["path"], host: reference };
}

/** A volume or medium of the tests. */
export class Stored extends Managed {
  private constructor(
    handler: Handler,
    private readonly pool: Values,
    logicalName: string,
  ) {
    super(handler, logicalName, { pool });
  }

  static volume(inPool: Values, name: string): Stored {
    return new Stored(volume, inPool, name);
  }

  static medium(inPool: Values, name: string): Stored {
    return new Stored(cloudInitDisk, inPool, name);
  }

  get path(): string {
    return String(this.state["path"]);
  }

  /** What a program passes on to those that refer to it. */
  get reference(): Values {
    const { name, path, format } = this.state;
    return { name, path, format, pool: this.pool["uuid"] };
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

/** Does something once an upload is under way. */
export async function interrupted({ context }: Stored, work: () => Promise<void>): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (!context.lines.progress.some((line) => line.startsWith("uploading")) && Date.now() < giveUp) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await work();
}
