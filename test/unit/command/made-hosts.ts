import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capabilitiesOf, domainOf, interfaceOn, type MadeHost, pciDevice } from "./documents";

/** Arguments of `topology` for a host that was written to files below the folder. */
export interface MadeFiles {
  readonly folder: string;
  readonly words: readonly string[];
}

function write(
  host: MadeHost,
  domains: readonly string[],
  devices: readonly string[],
  more: readonly string[],
): MadeFiles {
  const folder = mkdtempSync(join(tmpdir(), "kvm-topology-"));
  const put = (kind: string, documents: readonly string[]) => {
    mkdirSync(join(folder, kind));
    documents.forEach((text, index) => {
      writeFileSync(join(folder, kind, `${String(index).padStart(4, "0")}.xml`), text);
    });
    return join(folder, kind);
  };
  writeFileSync(join(folder, "capabilities.xml"), capabilitiesOf(host));
  const files = ["--capabilities", join(folder, "capabilities.xml"), "--ledger", put("domains", domains)];
  return { folder, words: [...files, "--devices", put("devices", devices), ...more] };
}

/** One cell, four cores with two threads: a small machine with two guests and a card. */
export function smallHost(): MadeFiles {
  const domains = [
    domainOf("db", { pins: [1, 5], memoryGiB: 4, cell: 0 }),
    domainOf("web & <shop>", { shared: "2-3,6-7", vcpus: 2, memoryGiB: 2 }),
  ];
  const devices = [pciDevice("0000:02:00.0", { group: 7 }), interfaceOn("0000:02:00.0", "enp2s0")];
  const host = { cells: 1, cores: 4, threads: 2, memoryGiB: 16, pages: 1024 };
  return write(host, domains, devices, ["--housekeeping", "0,4", "--vcpus", "2", "--memory", "2 GiB"]);
}

/** Eight cells of two L3 groups, 128 cores, 256 CPUs: thirty guests with CPUs of their own, some that float, cards. */
export function largeHost(): MadeFiles {
  const owners = Array.from({ length: 30 }, (_, index) => {
    const cell = index % 8;
    const first = cell * 16 + 2 + 3 * Math.floor(index / 8);
    const pins = [first, first + 128, first + 1, first + 129];
    const device = index === 3 ? { device: "0000:63:10.1" } : {};
    return domainOf(`database-${index}.example`, { pins, cell, huge: true, memoryGiB: 16, ...device });
  });
  const floating = Array.from({ length: 5 }, (_, cell) =>
    domainOf(`web-${cell}`, {
      shared: `${cell * 16 + 14}-${cell * 16 + 15},${cell * 16 + 142}-${cell * 16 + 143}`,
      vcpus: 2,
      memoryGiB: 8,
    }),
  );
  const cards = Array.from({ length: 8 }, (_, cell) => {
    const card = `0000:${cell}3:00.0`;
    const functions = Array.from({ length: 4 }, (_, part) =>
      pciDevice(`0000:${cell}3:10.${part}`, { node: cell, physical: card, product: "Virtual Function" }),
    );
    return [pciDevice(card, { node: cell, group: cell }), interfaceOn(card, `ens${cell}f0np0`), ...functions];
  });
  const disks = Array.from({ length: 9 }, (_, disk) =>
    pciDevice(`0000:04:0${disk}.0`, {
      class: "0x010802",
      node: 0,
      product: "NVMe SSD Controller with a very long name",
    }),
  );
  const host = { cells: 8, cores: 16, threads: 2, cacheCores: 8, memoryGiB: 256, pages: 65536 };
  return write(host, [...owners, ...floating], [...cards.flat(), ...disks], ["--housekeeping", "0-1,128-129"]);
}

/** One cell with one L3 cache for 64 cores: it is drawn wide where there is room. */
export function singleCell(): MadeFiles {
  const domains = Array.from({ length: 12 }, (_, index) => {
    const pins = Array.from({ length: 4 }, (_, vcpu) => index * 5 + vcpu);
    return domainOf(`worker-${index}`, { pins, cell: 0, memoryGiB: 8 });
  });
  return write({ cells: 1, cores: 64, threads: 1, memoryGiB: 256 }, domains, [], []);
}
