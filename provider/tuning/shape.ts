import type { HostState } from "./capacity";
import type { CoreUse } from "./cores";
import type { AddedMemory, GuestCell, Request } from "./request";

/** What one guest cell needs of a host cell. */
export interface CellNeed extends GuestCell {
  /** Those of its vCPUs that own a CPU, ascending. */
  readonly dedicated: readonly number[];
  /** CPUs for QEMU's own threads. */
  readonly emulator: number;
  readonly added: readonly AddedMemory[];
}

/** Memory of a guest cell on pages of its own kind, with the devices that follow it. */
export function memoryOf({ memoryKiB, added }: Pick<CellNeed, "memoryKiB" | "added">): number {
  return added.reduce((sum, device) => sum + (device.pageKiB === undefined ? device.memoryKiB : 0), memoryKiB);
}

/** One way to cut a guest into cells. */
export interface Shape {
  readonly cells: readonly CellNeed[];
  readonly use: CoreUse;
}

/** The vCPUs that own a CPU. */
export function dedicatedVcpus(request: Request): number[] {
  const all = Array.from({ length: request.maxVcpus }, (_, vcpu) => vcpu);
  if (request.policy === "shared") return [];
  const some = new Set(request.dedicatedVcpus ?? []);
  return request.policy === "dedicated" ? all : all.filter((vcpu) => some.has(vcpu));
}

/** How many vCPUs own a CPU. */
export function dedicatedCount({ policy, maxVcpus, dedicatedVcpus: some }: Request): number {
  return { shared: 0, dedicated: maxVcpus, mixed: new Set(some).size }[policy];
}

/** Adds to guest cells what they need; QEMU's own CPU goes beside the first cell. */
export function needsOf(request: Request, cells: readonly GuestCell[]): CellNeed[] {
  const dedicated = new Set(dedicatedVcpus(request));
  return cells.map((cell, index) => ({
    ...cell,
    dedicated: cell.vcpus.filter((vcpu) => dedicated.has(vcpu)).sort((a, b) => a - b),
    emulator: index === 0 && request.emulator === "isolate" ? 1 : 0,
    added: (request.added ?? []).filter((device) => device.cell === index),
  }));
}

/** The largest page that divides the memory evenly; the rest of an odd number goes to the first cells. */
function memoryUnit(state: HostState, request: Request, count: number): number {
  if (typeof request.pages === "number") return request.pages;
  if (request.pages === "none") return Math.max(1024, state.ordinaryKiB);
  const sizes = [...new Set(state.cells.flatMap((cell) => cell.pages.map((pool) => pool.sizeKiB)))].sort(
    (a, b) => b - a,
  );
  return sizes.find((size) => request.memoryKiB % (size * count) === 0) ?? sizes.at(-1) ?? 1024;
}

/** A guest in equal cells; undefined where the vCPUs do not divide. */
export function equalCells(state: HostState, request: Request, count: number): GuestCell[] | undefined {
  if (count < 1 || request.maxVcpus % count !== 0) return undefined;
  if (count === 1) {
    return [{ vcpus: Array.from({ length: request.maxVcpus }, (_, id) => id), memoryKiB: request.memoryKiB }];
  }
  const each = request.maxVcpus / count;
  const unit = memoryUnit(state, request, count);
  const parts = Math.floor(request.memoryKiB / unit);
  const odd = request.memoryKiB - parts * unit;
  if (parts < count) return undefined;
  return Array.from({ length: count }, (_, index) => ({
    vcpus: Array.from({ length: each }, (_, vcpu) => index * each + vcpu),
    memoryKiB: (Math.floor(parts / count) + (index < parts % count ? 1 : 0)) * unit + (index === 0 ? odd : 0),
  }));
}

/** All ways to cut a guest, cheapest first by shared cores, then by cells. */
export function shapesOf(state: HostState, request: Request): Shape[] {
  const uses: Record<Request["smt"], CoreUse[]> = {
    isolate: ["spread"],
    any: ["threads"],
    "whole-core": request.cells === undefined ? ["spread", "pack"] : ["pack"],
  };
  const cuts =
    request.cells === undefined
      ? state.cells.map((_, index) => equalCells(state, request, index + 1))
      : [[...request.cells]];
  return uses[request.smt].flatMap((use) =>
    cuts.flatMap((cells) => (cells === undefined ? [] : [{ cells: needsOf(request, cells), use }])),
  );
}
