import { child, children, type Element, element, ensure } from "../../schema/tree";
import { devicesOf } from "./alias";
import { arrangeBoard } from "./board";
import { arrangeBootOrder } from "./boot-order";
import { arrangeScsi, restoreScsi } from "./disk-controllers";
import { arrangeDisks } from "./disk-layout";
import { arrangeExpanders } from "./expander-bus";
import { isPcie } from "./general";
import { arrangeIommu } from "./iommu";
import { arrangeEncryption } from "./launch-security";
import { arrangeCells } from "./memory";
import type { Inputs } from "./rows";
import { arrangeConsole } from "./serial-console";
import { arrangeSerials } from "./serials";
import { arrangeMemory } from "./shared-memory";

/**
 * Settles what no single row can: names of disks, controllers, free ports. Whatever the document has already is
 * kept, so that adding a device never renames another, be it one that only the running guest has.
 */
export function arrange(document: Element, inputs: Inputs, live?: Element): void {
  arrangeBoard(document, inputs);
  restoreScsi(document, live);
  arrangeDisks(document, inputs, live);
  arrangeScsi(document);
  arrangeBootOrder(document);
  arrangeSerials(document);
  arrangeConsole(document);
  arrangeMemory(document);
  arrangeCells(document, inputs);
  arrangeIommu(document);
  arrangeEncryption(document);
  if (!isPcie(child(document, "os/type")?.attributes["machine"])) return;
  arrangeExpanders(document, inputs);
  arrangePorts(document, inputs.rootPorts ?? 0);
}

/** Devices that libvirt puts behind a port of their own, including those that it adds by itself at define. */
function portsInUse(document: Element): number {
  const devices = devicesOf(document);
  const onPort = devices.filter((device) => {
    if (device.name === "disk") return child(device, "target")?.attributes["bus"] === "virtio";
    if (device.name === "controller") {
      const { type = "", model } = device.attributes;
      return ["scsi", "virtio-serial", "usb"].includes(type) && model !== "none";
    }
    if (device.name === "hostdev") return ["pci", "mdev"].includes(device.attributes["type"] ?? "");
    if (device.name === "input") return device.attributes["bus"] === "virtio";
    if (device.name === "memory") return device.attributes["model"]?.startsWith("virtio") === true;
    return ["interface", "rng", "memballoon", "filesystem", "vsock", "crypto"].includes(device.name);
  }).length;
  const added = [
    !has(devices, "controller", "usb"),
    !devices.some((device) => device.name === "memballoon"),
    devices.some(isOnVirtioSerial) && !has(devices, "controller", "virtio-serial"),
  ];
  return onPort + added.filter(Boolean).length;
}

function isOnVirtioSerial(device: Element): boolean {
  return (
    device.name === "channel" || (device.name === "console" && child(device, "target")?.attributes["type"] === "virtio")
  );
}

function arrangePorts(document: Element, spare: number): void {
  const devices = ensure(document, "devices");
  const pci = children(devices, "controller").filter((controller) => controller.attributes["type"] === "pci");
  const ports = pci.filter(({ attributes }) => attributes["model"] === "pcie-root-port").length;
  const next = Math.max(0, ...pci.map((controller) => Number(controller.attributes["index"] ?? 0))) + 1;
  const missing = spare === 0 ? 0 : Math.max(0, portsInUse(document) + spare - ports);
  for (let index = next; index < next + missing; index++) {
    devices.children.push(element("controller", { type: "pci", index: String(index), model: "pcie-root-port" }));
  }
}

function has(devices: readonly Element[], name: string, type: string): boolean {
  return devices.some((device) => device.name === name && device.attributes["type"] === type);
}
