import { formatCpuSet } from "../../tuning/cpu-set";
import type { CellPicture, CorePicture, CpuPicture } from "./cell-picture";
import type { HostPicture } from "./picture";
import { counted, cpusText, deviceText, memoryText, sizeText, stateText, withoutFunctions } from "./words";

const width = 96;
const marks = { owned: "", conflict: "!", shared: "~", housekeeping: "#", free: "." } as const;

/** The picture in plain characters, for a terminal. */
export function textOfPicture(picture: HostPicture): string[] {
  const { cells, cores, cpus, memoryKiB, offline, room } = picture;
  const counts = [counted(cells.length, "cell"), counted(cores, "core"), counted(cpus, "CPU"), sizeText(memoryKiB)];
  return [
    `${picture.name}: ${counts.join(", ")}`,
    ...(offline.length > 0 ? [`switched off: CPUs ${formatCpuSet(offline)}`] : []),
    ...picture.warnings.map((line) => `WARNING: ${line}`),
    ...cells.flatMap((cell) => ["", ...cellLines(cell)]),
    ...(picture.devices.length > 0 ? ["", "devices of no known cell", ...deviceLines(picture.devices)] : []),
    "",
    "[0 A|8 .] a core with its threads; A owned by guest A, ~ floated over, # housekeeping, . free, ! owned twice",
    ...guestLines(picture),
    "",
    ...(room[0]
      ? [`room for more guests of ${counted(room[0].vcpus, "vCPU")} and ${sizeText(room[0].memoryKiB)}:`]
      : []),
    ...aligned(room.map(({ profile, count, means, limit }) => [profile, String(count), `${means}; then: ${limit}`])),
  ];
}

function cellLines(cell: CellPicture): string[] {
  const { totalKiB, promisedKiB } = cell.memory;
  const sockets = cell.sockets.length > 0 ? `, socket ${cell.sockets.join(", ")}` : ", no CPUs";
  return [
    `cell ${cell.id}${sockets}, ${sizeText(cell.memoryKiB)}`,
    ...aligned([
      ["ordinary memory", bar(promisedKiB, totalKiB), `${sizeText(promisedKiB)} of ${sizeText(totalKiB)} promised`],
      ...cell.pools.map(({ sizeKiB, total, free }) => [
        `${sizeText(sizeKiB)} pages`,
        bar(total - free, total),
        `${free} of ${total} free`,
      ]),
    ]),
    ...cell.groups.flatMap(({ label, cores }) => wrapped(label, cores.map(coreMark))),
    ...deviceLines(cell.devices),
  ];
}

function coreMark({ cpus }: CorePicture): string {
  return `[${cpus.map(cpuMark).join("|")}]`;
}

function cpuMark({ id, occupancy, keys }: CpuPicture): string {
  return `${id} ${occupancy === "owned" || occupancy === "conflict" ? keys.join("+") : ""}${marks[occupancy]}`;
}

function deviceLines(devices: CellPicture["devices"]): string[] {
  return withoutFunctions(devices).map((device) => {
    const owner = device.key === undefined ? "" : `, guest ${device.key} has it`;
    return `  ${[deviceText(device), device.note].filter((part) => part !== "").join(", ")}${owner}`;
  });
}

function guestLines({ guests }: HostPicture): string[] {
  if (guests.length === 0) return ["no guest is defined"];
  return aligned(guests.map((guest) => [guest.key, guest.name, stateText(guest), cpusText(guest), memoryText(guest)]));
}

/** Ten characters that show a part of a whole. */
function bar(part: number, whole: number): string {
  const filled = whole > 0 ? Math.min(10, Math.ceil((part / whole) * 10)) : 0;
  return `[${"=".repeat(filled)}${" ".repeat(10 - filled)}]`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

function wrapped(label: string, items: readonly string[]): string[] {
  const size = Math.max(...items.map((item) => item.length)) + 1;
  const most = Math.max(1, Math.floor((width - 4) / size));
  const perLine = most < 4 ? most : most - (most % 4);
  const lines = Array.from({ length: Math.ceil(items.length / perLine) }, (_, line) =>
    items.slice(line * perLine, (line + 1) * perLine).map((item) => item.padEnd(size)),
  );
  return [`  ${label}`, ...lines.map((line) => `    ${line.join("")}`.trimEnd())];
}
