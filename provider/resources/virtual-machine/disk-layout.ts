import { child, clone, type Element, ensure, remove } from "../../schema/tree";
import { devicesOf } from "./alias";
import { isOccupied } from "./device-address";
import { type Hanging, hangOn } from "./disk-controllers";
import { diskEntries } from "./disk-entries";
import { driverType } from "./disk-sources";
import type { Inputs } from "./rows";

/** Letters of the names that libvirt knows a disk by; they say the bus, not what the guest calls it. */
const targetPrefixes: Readonly<Record<string, string>> = {
  virtio: "vd",
  ide: "hd",
  scsi: "sd",
  sata: "sd",
  usb: "sd",
  fdc: "fd",
};

/** Disks that hold the system come first, so that the firmware boots from them. */
const systemDisks = ["root", "boot", "system", "os"];

/** Names of disks, what is behind them where no row says it, and the controllers that they name. */
export function arrangeDisks(document: Element, inputs: Inputs, live: Element | undefined): void {
  const present = diskEntries.list(document);
  const running = live ? diskEntries.list(live) : present;
  for (const [key, disk] of present) takePlace(document, disk, running.get(key));
  const names = new Set([...(live ? diskTargets(live) : []), ...diskTargets(document)]);
  const added: Element[] = [];
  const hanging: Hanging[] = [];
  for (const key of bootFirst(Object.keys(inputs.disks))) {
    const [disk, wanted] = [present.get(key), inputs.disks[key]];
    if (!disk || !wanted) continue;
    if (wanted.volume === undefined) {
      if (wanted.path === undefined && wanted.network === undefined) {
        remove(disk, "source");
        disk.attributes["type"] = "file";
      }
      ensure(disk, "driver").attributes["type"] = driverType(wanted.format);
    }
    disk.attributes["type"] ??= "file";
    const target = ensure(disk, "target");
    if (target.attributes["dev"] === undefined) added.push(disk);
    target.attributes["dev"] ??= firstFree(targetPrefixes[wanted.bus] ?? "sd", names);
    names.add(target.attributes["dev"]);
    if (wanted.controller !== undefined) hanging.push({ disk, name: wanted.controller, running: running.get(key) });
  }
  hangOn(document, hanging);
  inOrder(document, added);
}

/** A disk that is back on its former bus before the guest was restarted goes where the guest has it, unless another is there. */
function takePlace(document: Element, disk: Element, running: Element | undefined): void {
  if (!running) return;
  const [target, former] = [child(disk, "target"), child(running, "target")];
  if (!target || !former || target.attributes["dev"] !== undefined) return;
  const { bus, dev } = former.attributes;
  if (bus !== target.attributes["bus"] || dev === undefined || diskTargets(document).includes(dev)) return;
  target.attributes["dev"] = dev;
  const address = child(running, "address");
  if (address && !isOccupied(address, document)) disk.children.push(clone(address));
}

/** libvirt sorts the disks of one bus by their targets, but boots from the first of all: these stand in this order. */
function inOrder(document: Element, disks: readonly Element[]): void {
  const places = new Set<unknown>(disks);
  const queue = [...disks];
  const devices = ensure(document, "devices");
  devices.children = devices.children.map((node) => (places.has(node) ? (queue.shift() ?? node) : node));
}

function diskTargets(document: Element): string[] {
  return devicesOf(document, "disk").flatMap((disk) => child(disk, "target")?.attributes["dev"] ?? []);
}

function bootFirst(keys: readonly string[]): string[] {
  const rank = (key: string) => (systemDisks.includes(key) ? systemDisks.indexOf(key) : systemDisks.length);
  return [...keys].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** "vda" to "vdz", then "vdaa" and so on. */
function firstFree(prefix: string, names: ReadonlySet<string>): string {
  for (let index = 0; ; index++) {
    const name = prefix + letters(index);
    if (!names.has(name)) return name;
  }
}

function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
