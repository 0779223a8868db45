import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Handler, Values } from "../../provider/core/handler";
import { cloudInitDisk } from "../../provider/resources/cloud-init-disk";
import { storagePool } from "../../provider/resources/storage-pool";
import { volume } from "../../provider/resources/volume";
import { handlerContext, metaOf } from "./handler-context";
import type { LabHost } from "./host";
import { type Lab, startLab } from "./lab";
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

/** A lab with a pool for the tests of one file. */
export interface VolumeLab {
  readonly host: LabHost;
  readonly folder: string;
  readonly pool: Values;
  /** Those whose connections are closed in the end. */
  readonly stored: Stored[];
  /** A volume that is not made yet, in the pool or another one. */
  vol(name: string, inPool?: Values): Stored;
}

/** Starts a lab with a pool ahead of the tests of the file that calls it, and ends it after them. */
export function volumeLab(): VolumeLab {
  const stored: Stored[] = [];
  let lab: Lab | undefined;
  let vms: Values | undefined;
  const there = <T>(what: T | undefined): T => {
    if (what === undefined) throw new Error("there is no lab ahead of the tests");
    return what;
  };

  beforeAll(async () => {
    lab = await startLab();
    vms = await pool(lab.host, "vms");
  }, 60_000);

  afterAll(async () => {
    await Promise.all(stored.map(({ context }) => context.close()));
    await lab?.stop();
  });

  return {
    stored,
    get host() {
      return there(lab).host;
    },
    get folder() {
      return there(lab).folder;
    },
    get pool() {
      return there(vms);
    },
    vol(name, inPool = there(vms)) {
      const made = Stored.volume(inPool, name);
      stored.push(made);
      return made;
    },
  };
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

/** Does something in the midst of an upload, which waits for it: however slow the machine is, it is not through before. */
export function interrupted({ context }: Stored, work: () => void): Promise<void> {
  const { progress } = context;
  return new Promise((resolve) => {
    const interrupt = (line: string) => {
      progress(line);
      if (!line.startsWith("uploading")) return;
      Object.assign(context, { progress });
      work();
      resolve();
    };
    Object.assign(context, { progress: interrupt });
  });
}
