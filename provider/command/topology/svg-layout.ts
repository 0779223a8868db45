import type { CorePicture, GroupPicture } from "./cell-picture";

/** Sizes in the units of the picture; a unit is about one CSS pixel. */
export const box = { cpu: 32, gap: 2, core: 6, pad: 6, label: 18, row: 18 } as const;

/** Width inside one column of cache groups: four cores of two threads. */
export const columnWidth = 4 * (2 * box.cpu + box.gap + 2 * 2) + 3 * box.core + 2 * box.pad;

/** A rectangle of the picture. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A core with the place of each of its threads. */
export interface PlacedCore extends Rect {
  readonly core: CorePicture;
  readonly cpus: readonly Rect[];
}

/** A cache group with its cores. */
export interface PlacedGroup extends Rect {
  readonly group: GroupPicture;
  readonly cores: readonly PlacedCore[];
}

/** Puts the groups side by side in columns from `top` on; one group alone takes the whole width. */
export function layOut(groups: readonly GroupPicture[], columns: number, top: number): PlacedGroup[] {
  const across = Math.min(columns, Math.max(1, groups.length));
  const total = columns * columnWidth + (columns - 1) * box.pad;
  const width = (total - (across - 1) * box.pad) / across;
  const placed: PlacedGroup[] = [];
  let y = top;
  for (let index = 0; index < groups.length; index += across) {
    const row = groups
      .slice(index, index + across)
      .map((group, column) => layOutGroup(group, box.pad + column * (width + box.pad), y, width));
    const height = Math.max(...row.map((group) => group.height));
    placed.push(...row.map((group) => ({ ...group, height })));
    y += height + box.pad;
  }
  return placed;
}

function layOutGroup(group: GroupPicture, x: number, y: number, width: number): PlacedGroup {
  const cores: PlacedCore[] = [];
  let left = x + box.pad;
  let top = y + box.label;
  let rowHeight = 0;
  for (const core of group.cores) {
    const across = Math.min(2, core.cpus.length);
    const down = Math.ceil(core.cpus.length / across);
    const size = { width: across * (box.cpu + box.gap) + 2, height: down * (box.cpu + box.gap) + 2 };
    if (left + size.width > x + width - box.pad + 0.5) {
      left = x + box.pad;
      top += rowHeight + box.core;
      rowHeight = 0;
    }
    const cpus = core.cpus.map((_, index) => ({
      x: left + box.gap + (index % across) * (box.cpu + box.gap),
      y: top + box.gap + Math.floor(index / across) * (box.cpu + box.gap),
      width: box.cpu,
      height: box.cpu,
    }));
    cores.push({ core, cpus, x: left, y: top, ...size });
    left += size.width + box.core;
    rowHeight = Math.max(rowHeight, size.height);
  }
  return { group, cores, x, y, width, height: top + rowHeight + box.pad - y };
}
