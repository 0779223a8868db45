import { equal } from "../../core/equal";
import type { Context } from "../../core/handler";
import { isSameStack } from "../../core/identity";
import { isAtWork, isLeftOut } from "../../core/under-way";
import { isPlainObject } from "../../core/unknown";
import type { Libvirt } from "../../libvirt/api";
import type { Element } from "../../schema/tree";
import { place } from "../../tuning/place";
import type { Placement } from "../../tuning/placement";
import type { CellPages, DeviceRequest, HostLimits, PlacedBefore, Request } from "../../tuning/request";
import type { HostTopology } from "../../tuning/topology";
import type { GuestPages } from "../added-pages";
import { domainClaim } from "../domain-claim";
import { Taken } from "../hand-over";
import { type HostUsage, hostUsage } from "../host-usage";
import { pinsIn } from "./cpu-tuning";
import { NodeDevices } from "./node-devices";
import { refusePins } from "./pin-refusals";
import { busDevicesOf, devicesOf, isPlaced, type Placed } from "./placement";
import { type NearDevice, placedFrom } from "./placement-values";
import { isContentWith, requestOf } from "./question";
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
  const own = site.live ? domainClaim(site.live, usage.topology).pages : [];
  const previous = onOwnPages(site.previous(usage.topology), inputs, own);
  const request = requestOf(inputs, await devicesWithCells(libvirt, inputs), usage.topology, previous);
  const limits = withOwn(usage.limits, own);
  const answer = place(usage.topology, limits, usage.ledger, request);
  if (!answer.fits) throw refusal(site, answer.explain, holderOf(site, { ...usage, limits }, request));
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

/** Refuses a guest that has no place on the host as it is used now. */
export async function requirePlace(site: Site): Promise<void> {
  const silent = { ...site.context, warn: () => undefined };
  await plan({ ...site, context: silent }, await hostUsage(site.libvirt, site.inputs.host, site.uuid));
}

function refusal({ inputs }: Site, explain: readonly string[], holder: string | undefined): Taken {
  const facts = explain.filter((line) => !line.startsWith("remedy: "));
  const remedies = explain.flatMap((line) => (line.startsWith("remedy: ") ? line.slice("remedy: ".length) : []));
  return new Taken(
    {
      step: `place VirtualMachine ${inputs.name}`,
      host: inputs.host.uri,
      reason: `${facts.join("; ")}; nothing was changed`,
      remedy: remedies.join("; or "),
    },
    holder,
  );
}

/** The resource of the stack that has what the guest lacks: without what it and those before it have, the guest would fit. */
function holderOf({ context: { meta } }: Site, usage: HostUsage, request: Request): string | undefined {
  const { topology, ledger, makers } = usage;
  const found = ledger.claims.flatMap((claim) => {
    const maker = makers.get(claim.name);
    return meta && maker !== undefined && isSameStack(maker, meta.urn) ? [{ claim, maker }] : [];
  });
  // Where each of several could make room, it comes from the one that is changed at the moment, or that the program has no more.
  const turn = (maker: string) => (isAtWork(maker) ? 0 : meta && isLeftOut(maker, meta.urn) ? 1 : 2);
  const siblings = [...found].sort((a, b) => turn(a.maker) - turn(b.maker));
  const fitsWithout = (gone: typeof siblings) => {
    const claims = ledger.claims.filter((claim) => gone.every((sibling) => sibling.claim !== claim));
    const freed = gone.flatMap(({ claim }) => claim.pages);
    return place(topology, withOwn(usage.limits, freed), { claims }, request).fits;
  };
  if (siblings.length === 0 || !fitsWithout(siblings)) return undefined;
  return siblings.find((_, index) => fitsWithout(siblings.slice(0, index + 1)))?.maker;
}

/** Pages that a guest holds as it runs are its own for its next start too: where that is to be may be written already. */
function withOwn(limits: HostLimits, own: readonly CellPages[]): HostLimits {
  if (limits.freePages === undefined || own.length === 0) return limits;
  const freePages = limits.freePages.map((pool) => {
    const mine = own.filter(({ cell, sizeKiB }) => cell === pool.cell && sizeKiB === pool.sizeKiB);
    return { ...pool, count: pool.count + mine.reduce((sum, { count }) => sum + count, 0) };
  });
  return { ...limits, freePages };
}

/** Whoever has pages that do as it runs asks for them again, though others are written meanwhile. */
function onOwnPages(previous: PlacedBefore | undefined, inputs: Inputs, own: readonly CellPages[]) {
  if (previous === undefined || typeof inputs.hugePages !== "string") return previous;
  const fitting = own.filter(({ sizeKiB }) => isContentWith(inputs, `${sizeKiB} KiB`));
  const pages = previous.pages.map((pool) => fitting.find(({ cell }) => cell === pool.cell) ?? pool);
  return { ...previous, pages };
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
