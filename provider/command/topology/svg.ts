import type { CellPicture, CpuPicture, GroupPicture } from "./cell-picture";
import { escaped } from "./markup";
import { box, columnWidth, layOut, type PlacedCore, type PlacedGroup, type Rect } from "./svg-layout";
import { coreText, counted, deviceText, sizeText, withoutFunctions } from "./words";

/** What the picture of a cell needs to know of the guests. */
export interface GuestMarks {
  readonly names: ReadonlyMap<string, string>;
  /** Number of the colour of each key. */
  readonly colours: ReadonlyMap<string, number>;
}

/** Devices that are drawn; the others are in the table. */
const mostDevices = 6;

/** The picture of one cell: memory, cache groups with their cores and threads, devices. `id` is unique on the page. */
export function svgOfCell(cell: CellPicture, columns: number, id: string, marks: GuestMarks): string {
  const width = columns * columnWidth + (columns + 1) * box.pad;
  const bars = [
    {
      text: `Memory: ${sizeText(cell.memory.promisedKiB)} of ${sizeText(cell.memory.totalKiB)} promised`,
      part: cell.memory.promisedKiB,
      whole: cell.memory.totalKiB,
    },
    ...cell.pools.map(({ sizeKiB, total, free }) => ({
      text: `${sizeText(sizeKiB)} pages: ${free} of ${total} free`,
      part: total - free,
      whole: total,
    })),
  ];
  const top = 30 + bars.length * box.row + 4;
  const groups = layOut(cell.groups, columns, top);
  const below = Math.max(top, ...groups.map(({ y, height }) => y + height + box.pad));
  const devices = withoutFunctions(cell.devices);
  const drawn = devices.slice(0, mostDevices).map((device) => ({
    // Nearly all devices are of the first PCI domain; the table has the whole address.
    text: [deviceText(device).replace(/^0000:/, ""), device.note].filter((part) => part !== "").join(", "),
    key: device.key,
  }));
  const more = devices.length - drawn.length;
  const lines = [
    ...drawn,
    ...(more > 0 ? [{ text: `and ${counted(more, "more device")}: see the table`, key: undefined }] : []),
  ];
  const height = below + (lines.length > 0 ? lines.length * box.row + 8 : 2);
  const sockets = cell.sockets.length > 0 ? `socket ${cell.sockets.join(", ")}` : "no CPUs";
  return [
    `<svg class="cell art" viewBox="0 0 ${width} ${height}" role="group" aria-labelledby="${id}-t" aria-describedby="${id}-d">`,
    `<title id="${id}-t">Cell ${cell.id}</title><desc id="${id}-d">${escaped(describe(cell))}</desc>`,
    `<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    `<text class="name" x="12" y="21">Cell ${cell.id}</text>`,
    `<text class="aside" x="${width - 12}" y="21" text-anchor="end">${sizeText(cell.memoryKiB)}, ${sockets}</text>`,
    ...bars.map((bar, index) => barOf(bar, 30 + index * box.row, width)),
    ...groups.map((group) => groupOf(group, marks)),
    ...drawn.map((line, index) => deviceLine(line.text, line.key, below + index * box.row, width, marks)),
    ...(more > 0
      ? [`<text class="small" x="42" y="${below + drawn.length * box.row + 13}">and ${more} more: see the table</text>`]
      : []),
    "</svg>",
  ].join("\n");
}

function describe({ groups, memoryKiB, pools, devices }: CellPicture): string {
  const cpus = groups.flatMap(({ cores }) => cores.flatMap((core) => core.cpus));
  const free = cpus.filter(({ occupancy }) => occupancy === "free").length;
  const cores = groups.reduce((sum, group) => sum + group.cores.length, 0);
  return [
    `${counted(cores, "core")} in ${counted(groups.length, "cache group")}, ${free} of ${counted(cpus.length, "CPU")} free`,
    `${sizeText(memoryKiB)} of memory`,
    ...pools.map(({ sizeKiB, total, free: left }) => `${left} of ${total} pages of ${sizeText(sizeKiB)} free`),
    ...(devices.length > 0 ? [counted(devices.length, "device")] : []),
  ].join("; ");
}

function barOf(bar: { text: string; part: number; whole: number }, y: number, width: number): string {
  const full = 72;
  const filled = bar.whole > 0 ? Math.min(1, bar.part / bar.whole) * full : 0;
  return [
    `<rect class="track" x="12" y="${y + 4}" width="${full}" height="9" rx="2"/>`,
    ...(filled > 0 ? [`<rect class="fill" x="12" y="${y + 4}" width="${filled.toFixed(1)}" height="9" rx="2"/>`] : []),
    `<text class="small" x="${12 + full + 8}" y="${y + 12}">${escaped(clipped(bar.text, width - full - 32))}</text>`,
  ].join("");
}

function groupOf({ group, cores, ...place }: PlacedGroup, marks: GuestMarks): string {
  return [
    `<g class="group">${rectOf("frame", place, 5)}`,
    `<text class="small" x="${place.x + box.pad}" y="${place.y + 13}">${escaped(groupLabel(group))}</text>`,
    ...cores.map((core) => coreOf(core, marks)),
    "</g>",
  ].join("\n");
}

function groupLabel({ label, cores }: GroupPicture): string {
  const free = cores.filter(({ cpus }) => cpus.every(({ occupancy }) => occupancy === "free")).length;
  return `${label}: ${free} of ${counted(cores.length, "core")} free`;
}

function coreOf(placed: PlacedCore, marks: GuestMarks): string {
  const text = escaped(`Core: ${coreText(placed.core, marks.names)}`);
  const cpus = placed.core.cpus.map((cpu, index) => cpuOf(cpu, placed.cpus[index] ?? placed, marks));
  return `<g class="core" role="img" tabindex="0" aria-label="${text}"><title>${text}</title>${rectOf("tile", placed, 4)}${cpus.join("")}</g>`;
}

function cpuOf({ id, occupancy, keys }: CpuPicture, place: Rect, { colours }: GuestMarks): string {
  const colour = occupancy === "owned" ? ` c${colours.get(keys[0] ?? "") ?? 0}` : "";
  const mark = { owned: keys[0] ?? "", conflict: "!!", shared: "~", housekeeping: "#", free: "" }[occupancy];
  const middle = place.x + place.width / 2;
  return [
    rectOf(`cpu ${occupancy}${colour}`, place, 3),
    `<text class="id" x="${middle}" y="${place.y + (mark === "" ? 20 : 13)}">${id}</text>`,
    ...(mark === "" ? [] : [`<text class="key" x="${middle}" y="${place.y + 27}">${escaped(mark)}</text>`]),
  ].join("");
}

function deviceLine(text: string, key: string | undefined, y: number, width: number, marks: GuestMarks): string {
  const name = key === undefined ? "free" : `has guest ${marks.names.get(key) ?? key}`;
  return [
    `<g class="device"><title>${escaped(`${text}, ${name}`)}</title>`,
    rectOf(
      `cpu ${key === undefined ? "free" : `owned c${marks.colours.get(key) ?? 0}`}`,
      { x: 12, y: y + 1, width: 24, height: 15 },
      3,
    ),
    ...(key === undefined ? [] : [`<text class="key" x="24" y="${y + 13}">${escaped(key)}</text>`]),
    `<text class="small" x="42" y="${y + 13}">${escaped(clipped(text, width - 54))}</text></g>`,
  ].join("");
}

function rectOf(name: string, { x, y, width, height }: Rect, radius: number): string {
  return `<rect class="${name}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`;
}

/** Text that fits a width: SVG neither wraps nor clips. */
function clipped(text: string, width: number): string {
  const most = Math.floor(width / 6.2);
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
