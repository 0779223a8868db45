import { formatCpuSet } from "../../tuning/cpu-set";
import type { CorePicture, CpuPicture, DevicePicture } from "./cell-picture";
import type { GuestPicture } from "./guest-picture";

/** A size in the largest unit that keeps it readable: "31.4 GiB". */
export function sizeText(kibibytes: number): string {
  const [unit, factor] =
    kibibytes >= 1024 ** 3 ? ["TiB", 1024 ** 3] : kibibytes >= 1024 ** 2 ? ["GiB", 1024 ** 2] : ["MiB", 1024];
  return `${Math.round((kibibytes / Number(factor)) * 10) / 10} ${unit}`;
}

/** "1 core", "2 cores". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What a CPU is, in words: "CPU 3 owned by db". */
export function cpuText({ id, occupancy, keys }: CpuPicture, names: ReadonlyMap<string, string>): string {
  const who = keys.map((key) => names.get(key) ?? key).join(", ");
  const texts = {
    owned: `owned by ${who}`,
    conflict: `owned twice: ${who}`,
    shared: `floated over by ${who}`,
    housekeeping: "housekeeping",
    free: "free",
  };
  return `CPU ${id} ${texts[occupancy]}`;
}

/** A core in words, for those who do not see it. */
export function coreText(core: CorePicture, names: ReadonlyMap<string, string>): string {
  return core.cpus.map((cpu) => cpuText(cpu, names)).join("; ");
}

/** Where a device is and what it carries. */
export function deviceText({ address, kind, interfaces, label }: DevicePicture): string {
  const name = interfaces.length > 0 ? interfaces.join(", ") : label === address ? "" : label;
  return [address, kind, name].filter((part) => part !== "").join(" ");
}

/** Virtual functions are told by their number: a card may have hundreds. */
export function withoutFunctions(devices: readonly DevicePicture[]): (DevicePicture & { readonly note: string })[] {
  const functions = (address: string) => devices.filter((device) => device.physicalFunction === address);
  return devices
    .filter(({ physicalFunction, key }) => physicalFunction === undefined || key !== undefined)
    .map((device) => {
      const all = functions(device.address);
      const taken = all.filter(({ key }) => key !== undefined).length;
      const note = all.length === 0 ? "" : `${taken} of ${counted(all.length, "VF")} used`;
      return { ...device, note: device.physicalFunction === undefined ? note : "VF" };
    });
}

/** The memory of a guest: ordinary and huge pages. */
export function memoryText({ memoryKiB, pages }: GuestPicture): string {
  const huge = pages.map(({ cell, sizeKiB, count }) => `${count} x ${sizeText(sizeKiB)} pages in cell ${cell}`);
  return [...(memoryKiB > 0 ? [sizeText(memoryKiB)] : []), ...huge].join(", ") || "none";
}

/** The CPUs of a guest. */
export function cpusText({ owned, shared }: GuestPicture): string {
  if (owned.length === 0 && shared.length === 0) return "floats over the host";
  const parts = [
    ...(owned.length > 0 ? [`owns ${formatCpuSet(owned)}`] : []),
    ...(shared.length > 0 ? [`floats over ${formatCpuSet(shared)}`] : []),
  ];
  return parts.join(", ");
}

/** Running or not, as far as it is known. */
export function stateText({ running }: GuestPicture): string {
  return running === undefined ? "defined" : running ? "running" : "shut off";
}
