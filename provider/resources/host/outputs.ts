const cell =
  "{ readonly id: number; readonly memory: string; readonly cpus: string; readonly cores: readonly string[]; readonly distances: Readonly<Record<string, number>>; readonly pages: readonly { readonly size: string; readonly total: number }[] }";
const die = "{ readonly id: number; readonly cpus: string; readonly clusters: readonly string[] }";
const socket = `{ readonly id: number; readonly cpus: string; readonly dies: readonly ${die}[] }`;

/** What the host says of itself. */
export const outputs = {
  uuid: { doc: "UUID that libvirt reports for the machine.", type: "string" },
  owner: { doc: "128 random bits made once: the mark of this deployment's objects on the host.", type: "string" },
  hostname: { doc: "The machine's own host name.", type: "string" },
  libvirtVersion: { doc: 'Version of the libvirt daemon, e.g. "9.0.0".', type: "string" },
  qemuVersion: { doc: 'Version of QEMU, e.g. "7.2.11".', type: "string" },
  virtTypes: { doc: 'What guests can run on: "kvm" (hardware) and "qemu" (emulation).', type: "readonly string[]" },
  kvm: { doc: "Guests can run on the hardware.", type: "boolean" },
  nested: {
    doc: "Guests on KVM can run guests of their own. Absent without KVM, and on other architectures than x86.",
    type: "boolean | undefined",
  },
  architecture: { doc: 'CPU architecture, e.g. "x86_64".', type: "string" },
  cpu: {
    doc: "The CPU as libvirt knows it: its model and the features beyond it, and those of a guest with `cpu.mode` host-model.",
    type: "{ readonly model?: string; readonly vendor?: string; readonly features: readonly string[]; readonly guestModel?: string; readonly guestFeatures?: readonly string[]; readonly guestLacks?: readonly string[] }",
  },
  cpus: { doc: "Number of logical CPUs.", type: "number" },
  memory: { doc: 'Memory of the machine, e.g. "64 GiB".', type: "string" },
  machineTypes: {
    doc: "Machine types of the host's own architecture, under their lasting names.",
    type: "readonly string[]",
  },
  firmware: {
    doc: "Kinds of firmware that guests can have, the images that libvirt's firmware descriptors offer, and whether Secure Boot is among them.",
    type: "{ readonly types: readonly string[]; readonly loaders: readonly string[]; readonly secureBoot: boolean } | undefined",
  },
  tpm: {
    doc: "Models, backends and versions of TPM that guests can have. Absent without.",
    type: "{ readonly models: readonly string[]; readonly backends: readonly string[]; readonly versions: readonly string[] } | undefined",
  },
  launchSecurity: {
    doc: "How guests' memory can be encrypted: `sev`, `sev-es`, `sev-snp`, `tdx`, `s390-pv`.",
    type: "readonly string[]",
  },
  sev: {
    doc: "How many guests with SEV, and with SEV-ES or SEV-SNP, can run at a time. Absent without SEV; 0 where libvirt does not say.",
    type: "{ readonly guests: number; readonly esGuests: number } | undefined",
  },
  sgx: {
    doc: "Memory for SGX enclaves, and whether guests may choose their launch key. Absent without SGX.",
    type: "{ readonly size: string; readonly launchControl: boolean } | undefined",
  },
  topology: {
    doc: "Cells (NUMA nodes) with memory, CPUs, cores as sets of sibling threads, distances and pools of pages; sockets with dies and clusters; CPUs that share a last-level cache; CPUs that are switched off.",
    type: `{ readonly cells: readonly ${cell}[]; readonly sockets: readonly ${socket}[]; readonly cacheGroups: readonly string[]; readonly offline: string }`,
  },
  nodeDevices: {
    doc: "PCI devices but for the chipset's own, with cell, IOMMU group, physical and virtual functions, network interface and the bridge that it is a port of, and kinds of mediated devices. `driver` is told by `getHost` only: it changes as guests take a device. Absent where the daemon has no node device driver.",
    type: "readonly { readonly address: string; readonly class: string; readonly vendor: string; readonly product: string; readonly cell?: number; readonly iommuGroup?: number; readonly driver?: string; readonly physicalFunction?: string; readonly virtualFunctions?: { readonly addresses: readonly string[]; readonly max: number }; readonly interface?: string; readonly bridge?: string; readonly mediatedTypes?: readonly string[] }[] | undefined",
  },
  free: {
    doc: "Memory and huge pages of each cell that are free at this moment. Told by `getHost` only: in the state of a Host each refresh would show them as changes.",
    type: "readonly { readonly cell: number; readonly memory: string; readonly pages: readonly { readonly size: string; readonly count: number }[] }[] | undefined",
  },
  addedPages: {
    doc: "Huge pages that were added for `hugePages`, by pool, and how many the pool had before: what is given back with the Host.",
    type: "readonly { readonly cell: number; readonly size: string; readonly before: number; readonly count: number }[]",
  },
  ksmBefore: {
    doc: "What the machine had for each value of `ksm` before it was set: what comes back with the Host. Absent without `ksm`.",
    type: "{ readonly pagesToScan?: number; readonly sleep?: string; readonly acrossCells?: boolean } | undefined",
  },
  facts: {
    doc: "Digest of all this, at most 2 KiB, that checks of virtual machines use.",
    type: "{ readonly libvirt: number; readonly virtTypes: readonly string[]; readonly machines: readonly string[]; readonly firmware: readonly string[]; readonly secureBoot: boolean; readonly launchSecurity: readonly string[]; readonly nested?: boolean; readonly sgx?: boolean; readonly tpm?: readonly string[]; readonly cells?: readonly { readonly id: number; readonly cpus: number; readonly cores: number; readonly memory: number; readonly pages: Readonly<Record<string, number>> }[] }",
  },
} as const;
