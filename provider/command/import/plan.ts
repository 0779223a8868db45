import type { Rows } from "../../core/attribute";
import type { Context, HostReference, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { host as hostHandler } from "../../resources/host";
import { network as networkHandler } from "../../resources/network";
import {
  compose as composeNetwork,
  describe as describeNetwork,
  emptyDocument,
} from "../../resources/network/document";
import { poolOwner, readMark } from "../../resources/ownership";
import { storagePool as poolHandler } from "../../resources/storage-pool";
import { compose as composePool, describe as describePool } from "../../resources/storage-pool/document";
import { virtualMachine } from "../../resources/virtual-machine";
import { applyInputs } from "../../resources/virtual-machine/apply";
import { describe as describeMachine, namedVolume } from "../../resources/virtual-machine/describe";
import { compose as composeMachine } from "../../resources/virtual-machine/render";
import { volume as volumeHandler } from "../../resources/volume";
import { describe as describeVolume } from "../../resources/volume/describe";
import { type Element, element } from "../../schema/tree";
import { fitted, metaOf, type RowHandler } from "./inputs";
import type { FoundDomain, FoundNetwork, FoundPool, FoundVolume, Scan } from "./scan";
import { type Subject, type Taken, take } from "./take";

type ReadVolume = FoundVolume & { readonly document: Element };

/** One resource of the program that is to be. */
export interface Entry {
  readonly handler: RowHandler;
  readonly name: string;
  readonly id: string;
  readonly inputs: Values;
}

/** An object that stays out of the program, or is only referred to, and why. */
export interface LeftOut {
  /** "VirtualMachine web". */
  readonly object: string;
  readonly reasons: readonly string[];
}

export interface Plan {
  /** The host first, each other one after those that it refers to. */
  readonly entries: readonly Entry[];
  readonly left: readonly LeftOut[];
  /** What stays in definitions though the program does not say it, by object. */
  readonly unsaid: readonly LeftOut[];
  /** Objects that carry the mark of a deployment, which may manage them still. */
  readonly marked: readonly LeftOut[];
}

/** Turns what was found on the host into resources, in their order. */
export class Planner {
  private readonly entries: Entry[] = [];
  private readonly left: LeftOut[] = [];
  private readonly unsaid: LeftOut[] = [];
  private readonly marked: LeftOut[] = [];
  /** References as the classes of the SDK make them: networks by name, volumes by path. */
  private readonly networks = new Map<string, Values>();
  private readonly volumes = new Map<string, Values>();
  private readonly paths = new Map<string, string>();

  constructor(private readonly host: Values) {}

  plan({ networks, pools, domains }: Scan): Plan {
    for (const network of networks) this.addNetwork(network);
    const known = new Map(pools.flatMap((pool) => this.addPool(pool)));
    for (const volume of baseFirst([...known.keys()])) this.addVolume(volume, known.get(volume) ?? {});
    for (const domain of domains) this.addDomain(domain);
    const { entries, left, unsaid, marked } = this;
    return { entries, left, unsaid, marked };
  }

  private addNetwork({ uuid, name, document, active, autostart, persistent }: FoundNetwork): void {
    if (!persistent) {
      this.leave(networkHandler, name, [transient("net-define")]);
      return;
    }
    const values = { ...describeNetwork(document), host: this.host, active, autostart, defaultsVersion: 0 };
    const taken = this.take(networkHandler, name, uuid, {
      values,
      document,
      compose: (inputs) => composeNetwork(emptyDocument(), inputs, {}),
      apply: (current, inputs) => composeNetwork(current, inputs, inputs),
    });
    if (taken) this.networks.set(name, { uuid, name, host: this.host });
  }

  /** The pool's volumes, each with the reference that it needs. */
  private addPool(pool: FoundPool): [ReadVolume, Values][] {
    const { uuid, name, document, active, autostart, persistent, volumes } = pool;
    for (const volume of volumes) this.paths.set(`${name}/${volume.name}`, volume.path);
    if (!persistent) {
      this.leave(poolHandler, name, [transient("pool-define")]);
      return [];
    }
    // Mode and owner of the folder are read from it anew at each start of the pool.
    const { permissions: _, source, ...said } = describePool(document);
    const from = isPlainObject(source) && Object.keys(source).length > 0 ? { source } : {};
    const values = { ...said, ...from, host: this.host, active, autostart };
    const taken = this.take(poolHandler, name, uuid, {
      values,
      document,
      compose: (inputs) => composePool(element("pool"), inputs, {}),
      apply: (current, inputs) => composePool(current, inputs, inputs),
    });
    if (!taken) return [];
    const reference = { uuid, name, type: taken["type"], path: taken["path"], host: this.host };
    return volumes.flatMap(({ document, ...volume }): [ReadVolume, Values][] => {
      if (document) return [[{ ...volume, document }, reference]];
      const remedy = `virsh pool-refresh ${name} makes libvirt forget it`;
      this.leave(volumeHandler, `${name}/${volume.name}`, [
        `the pool lists it, and there is no ${volume.path}: ${remedy}`,
      ]);
      return [];
    });
  }

  /** Nothing is ever written into a volume, so there is no document to compare. */
  private addVolume({ name, path, document }: ReadVolume, pool: Values): void {
    const { values, backing } = describeVolume(document);
    const base = backing === undefined ? undefined : this.volumes.get(backing);
    const { host: _, ...reference } = base ?? {};
    const meta = metaOf(volumeHandler, name);
    const { inputs, refused } = fitted(
      volumeHandler,
      { ...values, pool, path, ...(base && { backing: reference }) },
      meta,
    );
    // Without its own, the volume would be of the default format, which it is not.
    if (!inputs || refused.some(({ property }) => property === "format")) {
      const reasons = refused.map(({ property, reason }) => `${property} ${reason}`);
      this.leave(volumeHandler, `${pool["name"]}/${name}`, [...reasons, "disks refer to it by its path"]);
      return;
    }
    let logical = name;
    while (this.entries.some((entry) => entry.handler === volumeHandler && entry.name === logical)) {
      logical = `${pool["name"]}-${logical}`;
    }
    this.entries.push({ handler: volumeHandler, name: logical, id: `${pool["uuid"]}/${name}`, inputs });
    const { format } = inputs;
    this.volumes.set(path, { name, path, format, pool: pool["uuid"], host: this.host });
  }

  private addDomain({ uuid, name, document: original, power, autostart, persistent }: FoundDomain): void {
    if (!persistent) {
      this.leave(virtualMachine, name, [transient("define")]);
      return;
    }
    const { values, document } = describeMachine(original);
    const nics = this.entriesOf(values["nics"], (nic) => this.nicOf(nic));
    const disks = this.entriesOf(values["disks"], (disk, key) => this.diskOf(disk, namedVolume(document, key)));
    // It is confined less as it is, and the program says so.
    const securityLabels = this.entriesOf(values["securityLabels"], (label) =>
      label["type"] === "dynamic" ? label : { ...label, acceptLessIsolation: true },
    );
    this.take(virtualMachine, name, uuid, {
      values: { ...values, nics, disks, securityLabels, host: this.host, state: power, autostart, defaultsVersion: 0 },
      document,
      compose: composeMachine,
      apply: (current, inputs) => applyInputs(current, inputs, inputs),
    });
  }

  private entriesOf(map: unknown, change: (entry: Values, key: string) => Values): Values {
    const entries = Object.entries(isPlainObject(map) ? map : {});
    return Object.fromEntries(entries.map(([key, entry]) => [key, isPlainObject(entry) ? change(entry, key) : entry]));
  }

  private nicOf(nic: Values): Values {
    const name = isPlainObject(nic["network"]) ? nic["network"]["name"] : undefined;
    const known = typeof name === "string" ? this.networks.get(name) : undefined;
    return known ? { ...nic, network: known } : nic;
  }

  /** A disk by the volume that it has, where that is one of the program and of the format that the disk says. */
  private diskOf(disk: Values, named: { readonly pool: string; readonly volume: string } | undefined): Values {
    const path = named ? this.paths.get(`${named.pool}/${named.volume}`) : disk["path"];
    const known = typeof path === "string" ? this.volumes.get(path) : undefined;
    const { path: _, format, ...rest } = disk;
    if (known && (format === undefined || format === known["format"])) return { ...rest, volume: known };
    if (!named || path === undefined) return disk;
    return { ...rest, volume: { name: named.volume, path, ...(format !== undefined && { format }) } };
  }

  private take<R extends Rows>(
    handler: RowHandler<R>,
    name: string,
    id: string,
    subject: Omit<Subject<R>, "handler" | "meta">,
  ): Values | undefined {
    const taken: Taken = take({ handler, meta: metaOf(handler, name), ...subject });
    if (!taken.inputs) {
      this.leave(handler, name, taken.reasons);
      return undefined;
    }
    this.entries.push({ handler, name, id, inputs: taken.inputs });
    const maker = readMark(subject.document)?.urn ?? poolOwner(subject.document);
    if (maker !== undefined) this.marked.push({ object: `${handler.type} ${name}`, reasons: [maker] });
    if (taken.unsaid.length > 0) this.unsaid.push({ object: `${handler.type} ${name}`, reasons: taken.unsaid });
    return taken.inputs;
  }

  private leave(handler: RowHandler, name: string, reasons: readonly string[]): void {
    this.left.push({ object: `${handler.type} ${name}`, reasons: [...new Set(reasons)] });
  }
}

function transient(command: string): string {
  return `it is transient, gone with its end: virsh ${command} makes it last`;
}

/** Volumes in an order in which each comes after the one that it is based on. */
function baseFirst(volumes: readonly ReadVolume[]): readonly ReadVolume[] {
  const sorted: ReadVolume[] = [];
  const visit = (volume: ReadVolume, above: readonly ReadVolume[]): void => {
    if (sorted.includes(volume) || above.includes(volume)) return;
    const { backing } = describeVolume(volume.document);
    const base = volumes.find(({ path }) => path === backing);
    if (base) visit(base, [...above, volume]);
    sorted.push(volume);
  };
  for (const volume of volumes) visit(volume, []);
  return sorted;
}

/** The host with its state, and how all others refer to it. */
export async function hostEntry(
  reference: HostReference,
  name: string,
  context: Context,
): Promise<{ readonly entry: Entry; readonly state: Values; readonly reference: Values }> {
  const { inputs } = hostHandler.check({ ...reference }, undefined, metaOf(hostHandler, name));
  const { id, state } = await hostHandler.create(inputs, context);
  const { uuid, owner, facts } = state;
  const known = { ...reference, uuid, owner, facts: JSON.stringify(facts) };
  return { entry: { handler: hostHandler, name, id, inputs }, state, reference: known };
}
