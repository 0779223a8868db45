import { formatCpuSet } from "../../tuning/cpu-set";
import type { CellPicture } from "./cell-picture";
import type { GuestPicture } from "./guest-picture";
import { escaped, table } from "./markup";
import { script } from "./page-script";
import { colourCount, style } from "./page-style";
import type { HostPicture } from "./picture";
import { type GuestMarks, svgOfCell } from "./svg";
import { counted, cpusText, cpuText, deviceText, memoryText, sizeText, stateText } from "./words";

/** The picture as one page that loads nothing: style, script and drawings are in it. */
export function pageOf(picture: HostPicture): string {
  const { guests } = picture;
  const marks: GuestMarks = {
    names: new Map(guests.map(({ key, name }) => [key, name])),
    colours: coloursOf(guests),
  };
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(picture.name)}: topology</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#guests">Skip the drawings</a>
<header>${header(picture)}</header>
<main>
<section aria-labelledby="h-room"><h2 id="h-room">Room for more</h2>${roomTable(picture)}</section>
<section aria-labelledby="h-cells"><h2 id="h-cells">Cells</h2>
${legend(picture, marks)}
<div class="cells">
${picture.cells.map((cell) => drawings(cell, picture, marks)).join("\n")}
</div>
<p id="detail">Point at a core, or go to it with the tab and arrow keys, to read who has its CPUs.</p>
</section>
<section aria-labelledby="h-guests" id="guests" tabindex="-1"><h2 id="h-guests">Guests</h2>${guestTable(picture)}</section>
${deviceSection(picture, marks)}
<section aria-labelledby="h-cpus"><h2 id="h-cpus">Every CPU</h2>
<details><summary>The drawings as a table</summary>${cpuTable(picture, marks)}</details></section>
</main>
<footer class="quiet">Made by pulumi-kvm topology.</footer>
<script>${script}</script>
</body>
</html>
`;
}

/** Guests in the same cell get different colours while there are enough, the one least used there first. */
function coloursOf(guests: readonly GuestPicture[]): Map<string, number> {
  const used = new Map<number, number[]>();
  return new Map(
    guests.map(({ key, cells }, index) => {
      const uses = (colour: number) => cells.reduce((sum, cell) => sum + (used.get(cell)?.[colour] ?? 0), 0);
      const all = Array.from({ length: colourCount }, (_, offset) => (index + offset) % colourCount);
      const colour = all.reduce((best, next) => (uses(next) < uses(best) ? next : best));
      for (const cell of cells) {
        const counts = used.get(cell) ?? Array.from({ length: colourCount }, () => 0);
        used.set(
          cell,
          counts.map((count, other) => count + (other === colour ? 1 : 0)),
        );
      }
      return [key, colour];
    }),
  );
}

function header({
  name,
  readAt,
  sockets,
  cells,
  cores,
  cpus,
  memoryKiB,
  offline,
  states,
  warnings,
}: HostPicture): string {
  const parts = [
    counted(sockets, "socket"),
    counted(cells.length, "cell"),
    counted(cores, "core"),
    counted(cpus, "CPU"),
  ];
  const facts = [
    [states.free, "CPUs free"],
    [states.owned + states.conflict, "owned"],
    [states.shared, "floated over"],
    ...(states.housekeeping > 0 ? [[states.housekeeping, "housekeeping"]] : []),
    ...(offline.length > 0 ? [[offline.length, `switched off (${formatCpuSet(offline)})`]] : []),
  ];
  return [
    `<h1>${escaped(name)}</h1>`,
    `<p class="quiet">${[...parts, sizeText(memoryKiB)].join(" · ")}${readAt === undefined ? "" : ` · read ${escaped(readAt)}`}</p>`,
    ...warnings.map((line) => `<p class="alarm">Warning: ${escaped(line)}</p>`),
    `<ul class="facts">${facts.map(([count, what]) => `<li><b>${count}</b> ${what}</li>`).join("")}</ul>`,
  ].join("\n");
}

function roomTable({ room }: HostPicture): string {
  const [first] = room;
  const size = first ? `${counted(first.vcpus, "vCPU")} and ${sizeText(first.memoryKiB)}` : "";
  return table(
    `How many more guests of ${size} fit beside those that are there`,
    ["Profile", "Fit", "Each gets", "What stops the next"],
    room.map(({ profile, count, means, limit }) => [profile, String(count), means, limit]),
  );
}

/** The patterns stand in the first drawing of the page that is always shown. */
function legend({ guests, states }: HostPicture, { colours }: GuestMarks): string {
  const entry = (shape: string, mark: string, text: string) =>
    `<li><svg class="swatch art" viewBox="0 0 24 24" aria-hidden="true"><rect class="cpu ${shape}" x="1" y="1" width="22" height="22" rx="3"/>${
      mark === "" ? "" : `<text class="key" x="12" y="16">${escaped(mark)}</text>`
    }</svg>${escaped(text)}</li>`;
  const owners = guests.filter(({ owned, devices }) => owned.length > 0 || devices.length > 0);
  return [
    `<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs>`,
    `<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" style="fill:var(--card)"/><rect width="2" height="6" style="fill:var(--hatch)"/></pattern>`,
    `<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" style="fill:var(--card)"/><circle cx="2" cy="2" r="1" style="fill:var(--hatch)"/></pattern>`,
    "</defs></svg>",
    `<ul class="legend">`,
    entry("free", "", "free"),
    ...(states.shared > 0 ? [entry("shared", "~", "floated over by guests")] : []),
    ...(states.housekeeping > 0 ? [entry("housekeeping", "#", "housekeeping")] : []),
    ...(states.conflict > 0 ? [entry("conflict", "!!", "owned twice")] : []),
    ...owners.map(({ key, name }) => entry(`owned c${colours.get(key) ?? 0}`, key, name)),
    "</ul>",
  ].join("\n");
}

/** One drawing, or two where a wide window has room for more columns than a narrow one. */
function drawings(cell: CellPicture, { cells }: HostPicture, marks: GuestMarks): string {
  const cores = cell.groups.reduce((sum, group) => sum + group.cores.length, 0);
  const few = cells.length <= 2;
  const wanted = cell.groups.length > 1 ? cell.groups.length / (few ? 1 : 4) : cores / (few ? 16 : 64);
  const columns = Math.min(3, Math.max(1, Math.ceil(wanted)));
  const id = `cell-${cell.id}`;
  if (columns === 1) return `<div>${svgOfCell(cell, 1, id, marks)}</div>`;
  return [
    `<div class="wide span${columns}">${svgOfCell(cell, columns, `${id}-wide`, marks)}</div>`,
    `<div class="narrow">${svgOfCell(cell, 1, id, marks)}</div>`,
  ].join("\n");
}

function guestTable({ guests }: HostPicture): string {
  if (guests.length === 0) return `<p>No guest is defined.</p>`;
  return table(
    "Who owns what",
    ["Guest", "Key", "State", "CPUs", "Cells", "Memory", "Devices"],
    guests.map((guest) => [
      guest.name,
      guest.key,
      stateText(guest),
      cpusText(guest),
      guest.cells.join(", ") || "any",
      memoryText(guest),
      guest.devices.join(", ") || "none",
    ]),
  );
}

function deviceSection({ cells, devices }: HostPicture, { names }: GuestMarks): string {
  const all = [...cells.flatMap((cell) => cell.devices), ...devices];
  if (all.length === 0) return "";
  const rows = all.map((device) => [
    deviceText(device),
    device.cell === undefined ? "not known" : String(device.cell),
    device.iommuGroup === undefined ? "none" : String(device.iommuGroup),
    device.physicalFunction ?? "",
    device.key === undefined ? "nobody" : (names.get(device.key) ?? device.key),
  ]);
  const heads = ["Device", "Cell", "IOMMU group", "Physical function", "Guest"];
  return `<section aria-labelledby="h-devices"><h2 id="h-devices">Devices</h2>${table("Devices of the host", heads, rows)}</section>`;
}

function cpuTable({ cells }: HostPicture, { names }: GuestMarks): string {
  const rows = cells.flatMap((cell) =>
    cell.groups.flatMap(({ label, cores }) =>
      cores.flatMap((core) =>
        core.cpus.map((cpu) => [
          String(cpu.id),
          String(cell.id),
          label,
          core.cpus.map(({ id }) => id).join(", "),
          cpuText(cpu, names).replace(/^CPU \d+ /, ""),
        ]),
      ),
    ),
  );
  return table(
    "CPUs with their cell, cache group, core and owner",
    ["CPU", "Cell", "Cache group", "Core", "State"],
    rows,
  );
}
