import { equal } from "../../core/equal";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Libvirt } from "../../libvirt/api";
import type { Element } from "../../schema/tree";
import { place } from "../../tuning/place";
import type { Placement } from "../../tuning/placement";
import type { CellPages, DeviceRequest, HostLimits, PlacedBefore } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import type { GuestPages } from "../added-pages";
import { domainClaim } from "../domain-claim";
import type { HostUsage } from "../host-usage";
import { pinsIn } from "./cpu-tuning";
import { NodeDevices } from "./node-devices";
import { refusePins } from "./pin-refusals";
import { busDevicesOf, devicesOf, isPlaced, type Placed } from "./placement";
import { type NearDevice, placedFrom } from "./placement-values";
import { requestOf } from "./question";
import type { Inputs } from "./rows";

/** What a guest is placed by, beside the host. */
export interface Site {
  readonly libvirt: Libvirt;
  readonly inputs: Inputs;
  /** uuid of the domain, which takes nothing from itself. */
  readonly uuid: string;
  /** Where it is, or is to be if it can. */
  readonly previous: (host: HostTopology) => PlacedBefore | undefined;
  /** Where it is placed already. */
  readonly kept?: Placed | undefined;
  /** Pages of the host that were added for it. */
  readonly added: readonly GuestPages[];
  /** It as it runs: its pages are not among the free ones, its threads are pinned. */
  readonly live: Element | undefined;
  readonly context: Context;
}

/**
 * Where the guest goes on a host that is used like that; undefined where it is not placed. Refuses pins that others
 * own, and a guest that does not fit, with the planner's reasons.
 */
export async function plan(site: Site, usage: HostUsage): Promise<Placed | undefined> {
  const { inputs, libvirt, context } = site;
  refusePins(inputs, usage);
  if (!isPlaced(inputs)) return undefined;
  const previous = site.previous(usage.topology);
  const request = requestOf(inputs, await devicesWithCells(libvirt, inputs), usage.topology, previous);
  const limits = site.live ? withOwn(usage.limits, domainClaim(site.live, usage.topology).pages) : usage.limits;
  const answer = place(usage.topology, limits, usage.ledger, request);
  if (!answer.fits) throw refusal(inputs, answer.explain);
  const near = await nearDevices(site);
  const told = { near, mirrors: mirrors(site, answer), pinned: site.live && pinsIn(site.live) };
  const placed = placedFrom(answer, inputs, usage.topology, libvirt.version, told);
  if (inputs.hugePages === "preferred" && placed.values["hugePages"] === undefined) {
    context.warn(
      `no huge pages are free where ${inputs.name} goes: its memory takes ordinary ones, which the host's kernel may join by itself (transparent huge pages). Give the host huge pages (Host.hugePages), let guests add them (Host.guestPages), or set hugePages: "required" to insist`,
    );
  }
  return placed;
}

/** A guest that stays in its cells keeps what it was told of them: another table would want a new start. */
function mirrors({ kept }: Site, { cells }: Placement): boolean {
  return kept === undefined || kept.values["numa"] !== undefined || !equal(kept.cells, cells);
}

function refusal(inputs: Inputs, explain: readonly string[]): KvmError {
  const facts = explain.filter((line) => !line.startsWith("remedy: "));
  const remedies = explain.flatMap((line) => (line.startsWith("remedy: ") ? line.slice("remedy: ".length) : []));
  return new KvmError("conflict", {
    step: `place VirtualMachine ${inputs.name}`,
    host: inputs.host.uri,
    reason: `${facts.join("; ")}; nothing was changed`,
    remedy: [...remedies, ...(facts.some((fact) => fact.includes("owned by")) ? [givenUp] : [])].join("; or "),
  });
}

/** The engine makes before it deletes, and what does not depend on each other in any order. */
const givenUp =
  "where this program gives CPUs of an owner up, let that be done first: dependsOn the owner that becomes smaller, or run pulumi up without this machine when the owner is deleted, which comes last";

/** Pages that a guest holds as it runs are its own for its next start too: where that is to be may be written already. */
function withOwn(limits: HostLimits, own: readonly CellPages[]): HostLimits {
  if (limits.freePages === undefined || own.length === 0) return limits;
  const freePages = limits.freePages.map((pool) => {
    const mine = own.filter(({ cell, sizeKiB }) => cell === pool.cell && sizeKiB === pool.sizeKiB);
    return { ...pool, count: pool.count + mine.reduce((sum, { count }) => sum + count, 0) };
  });
  return { ...limits, freePages };
}

/** A guest that runs gets no new bus: its devices are plugged in where it has room. */
async function nearDevices({ inputs, libvirt, live, kept }: Site): Promise<NearDevice[]> {
  const devices = new NodeDevices(libvirt, inputs.host.uri);
  const has = (map: string, key: string) => {
    const placed = kept?.values[map];
    return isPlainObject(placed) && Object.hasOwn(placed, key);
  };
  const found = await Promise.all(
    busDevicesOf(inputs).map(async ({ map, key, address }): Promise<NearDevice[]> => {
      if (address === undefined || (live && !has(map, key))) return [];
      const cell = (await devices.pci(address))?.cell;
      return cell === undefined ? [] : [{ map, key, cell }];
    }),
  );
  return found.flat();
}

async function devicesWithCells(libvirt: Libvirt, inputs: Inputs): Promise<DeviceRequest[]> {
  const devices = devicesOf(inputs);
  const places = await new NodeDevices(libvirt, inputs.host.uri).places(devices.map(({ address }) => address));
  return devices.map((device) => ({ ...device, ...places.get(device.address) }));
}
