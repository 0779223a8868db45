/** What the capabilities of a made-up host look like. */
export interface MadeHost {
  readonly cells: number;
  /** Cores of each cell. */
  readonly cores: number;
  readonly threads: number;
  /** Cores that share one L3 cache. Default: all of the cell. */
  readonly cacheCores?: number;
  /** Memory of each cell. Default 64. */
  readonly memoryGiB?: number;
  /** Pools of 2 MiB pages of each cell. Default 0. */
  readonly pages?: number;
}

/** Capabilities as libvirt prints them; siblings are numbered as Linux does: all first threads, then all second ones. */
export function capabilitiesOf(host: MadeHost): string {
  const { cells, cores, threads, memoryGiB = 64, pages = 0, cacheCores = cores } = host;
  const all = cells * cores;
  const siblings = (core: number) => Array.from({ length: threads }, (_, thread) => core + thread * all);
  const cellOf = (id: number) => {
    const own = Array.from({ length: cores }, (_, index) => id * cores + index);
    const cpus = own.flatMap((core) =>
      siblings(core).map(
        (cpu) =>
          `<cpu id='${cpu}' socket_id='${id}' die_id='0' cluster_id='0' core_id='${core}' siblings='${siblings(core).join(",")}'/>`,
      ),
    );
    const distances = Array.from(
      { length: cells },
      (_, to) => `<sibling id='${to}' value='${to === id ? 10 : to >> 2 === id >> 2 ? 12 : 32}'/>`,
    );
    const memory = memoryGiB * 1024 * 1024;
    return `<cell id='${id}'><memory unit='KiB'>${memory}</memory>
      <pages unit='KiB' size='4'>${(memory - pages * 2048) / 4}</pages><pages unit='KiB' size='2048'>${pages}</pages>
      <distances>${distances.join("")}</distances><cpus num='${cpus.length}'>${cpus.join("")}</cpus></cell>`;
  };
  const banks = Array.from({ length: all / cacheCores }, (_, bank) => {
    const cpus = Array.from({ length: cacheCores }, (_, core) => siblings(bank * cacheCores + core)).flat();
    return `<bank id='${bank}' level='3' type='both' size='32' unit='MiB' cpus='${cpus.join(",")}'/>`;
  });
  const list = Array.from({ length: cells }, (_, id) => cellOf(id));
  return `<capabilities><host><topology><cells num='${cells}'>${list.join("\n")}</cells></topology>
    <cache>${banks.join("")}</cache></host></capabilities>`;
}

/** A domain with each vCPU pinned to one CPU, or all of them to `shared`. */
export function domainOf(
  name: string,
  options: {
    pins?: readonly number[];
    shared?: string;
    vcpus?: number;
    memoryGiB?: number;
    cell?: number;
    huge?: boolean;
    device?: string;
  },
): string {
  const { pins = [], shared, vcpus = pins.length, memoryGiB = 4, cell, huge, device } = options;
  const [, bus, slot, part] = /^0000:(..):(..)\.(.)$/.exec(device ?? "") ?? [];
  return `<domain type='kvm'><name>${name.replace(/&/g, "&amp;").replace(/</g, "&lt;")}</name><memory unit='GiB'>${memoryGiB}</memory>
    <vcpu${shared === undefined ? "" : ` cpuset='${shared}'`}>${vcpus}</vcpu>
    <cputune>${pins.map((cpu, vcpu) => `<vcpupin vcpu='${vcpu}' cpuset='${cpu}'/>`).join("")}</cputune>
    ${cell === undefined ? "" : `<numatune><memory mode='strict' nodeset='${cell}'/></numatune>`}
    ${huge ? "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>" : ""}
    <devices>${
      bus === undefined
        ? ""
        : `<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x${bus}' slot='0x${slot}' function='0x${part}'/></source></hostdev>`
    }</devices></domain>`;
}

/** A node device document of a PCI device. */
export function pciDevice(
  address: string,
  options: { class?: string; node?: number; group?: number; product?: string; physical?: string } = {},
): string {
  const [, bus = "0", slot = "0", part = "0"] = /^0000:(..):(..)\.(.)$/.exec(address) ?? [];
  const number = (hex: string) => Number.parseInt(hex, 16);
  const [, parentBus, parentSlot, parentPart] = /^0000:(..):(..)\.(.)$/.exec(options.physical ?? "") ?? [];
  return `<device><name>pci_0000_${bus}_${slot}_${part}</name><capability type='pci'><class>${options.class ?? "0x020000"}</class>
    <domain>0</domain><bus>${number(bus)}</bus><slot>${number(slot)}</slot><function>${number(part)}</function>
    <product id='0x1'>${options.product ?? "Ethernet Controller"}</product><vendor id='0x1'>Example</vendor>
    ${parentBus === undefined ? "" : `<capability type='phys_function'><address domain='0x0000' bus='0x${parentBus}' slot='0x${parentSlot}' function='0x${parentPart}'/></capability>`}
    ${options.group === undefined ? "" : `<iommuGroup number='${options.group}'/>`}
    ${options.node === undefined ? "" : `<numa node='${options.node}'/>`}</capability></device>`;
}

/** A node device document of an interface on that PCI device. */
export function interfaceOn(address: string, name: string): string {
  const parent = `pci_${address.replace(/[:.]/g, "_")}`;
  return `<device><name>net_${name}</name><parent>${parent}</parent><capability type='net'><interface>${name}</interface></capability></device>`;
}
