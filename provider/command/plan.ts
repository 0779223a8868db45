import { domainClaim } from "../resources/domain-claim";
import { formatCpuSet } from "../tuning/cpu-set";
import { placeAll } from "../tuning/place-all";
import type { Placement } from "../tuning/placement";
import { type Command, textFlag, UsageError } from "./command";
import { documentsAt, hostOf, read } from "./documents";
import { readPlanRequest } from "./plan-request";

const notes = `CAPABILITIES is what "virsh capabilities" prints. LEDGER is a domain document ("virsh dumpxml"), or a
folder of them. REQUEST is JSON:

  {
    "host": { "housekeepingCpus": "0-1", "dedicatedCpus": "2-15", "reservedMemory": "2 GiB" },
    "vms": [
      { "name": "db", "vcpus": 4, "memory": "8 GiB", "cpu": { "policy": "dedicated" }, "hugePages": [{ "size": "2 MiB" }] },
      { "name": "web", "vcpus": 2, "memory": "2 GiB" }
    ]
  }

host (all optional): housekeepingCpus, for the host and QEMU's own threads; dedicatedCpus, which guests may own (default:
all others); reservedMemory, kept free in each cell; deviceCells, which guests without devices keep off.
vms: name, vcpus, maxVcpus, memory, maxMemory; cpu.policy (shared, dedicated or mixed; default shared),
cpu.dedicatedVcpus for mixed, cpu.smt (whole-core, isolate or any; default whole-core), cpu.emulator (housekeeping,
isolate or share); numa.cells as [{ "cpus": "0-3", "memory": "4 GiB" }]; hugePages as [{ "size": "1 GiB" }], "large" or
"any"; iothreads, a number; devices as [{ "address": "0000:3b:00.0", "cell": 0, "iommuGroup": 7, "locality":
"required" }]; confidential.

The exit code is 0 when all fit, 2 when one does not, 1 for bad input.
Example: virsh capabilities > caps.xml; pulumi-kvm plan --capabilities caps.xml --request request.json`;

export const plan: Command = {
  doc: "Says where virtual machines would go on a host, and why. Nothing is changed; no host is needed.",
  parameters: [],
  options: {
    capabilities: { type: "string", value: "FILE", doc: "The host's capabilities. Required." },
    request: { type: "string", value: "FILE", doc: "The virtual machines to place, as JSON. Required." },
    ledger: { type: "string", value: "PATH", doc: "Domains that are there already: a document, or a folder of them." },
    json: { type: "boolean", doc: "Prints the answer as one JSON document." },
  },
  notes,

  async run(_words, flags, output) {
    const host = hostOf(wanted(flags["capabilities"], "capabilities"));
    const requestFile = wanted(flags["request"], "request");
    const { limits, requests } = readPlanRequest(read(requestFile), requestFile, host);
    const claims = documentsAt(textFlag(flags, "ledger"), "domain", (domain) => domainClaim(domain, host));
    const { placements, gap } = placeAll(host, limits, { claims }, requests);
    if (flags["json"] === true) output.result(JSON.stringify({ vms: placements.map(asJson), gap }, undefined, 2));
    else for (const placement of placements) for (const line of asText(placement)) output.result(line);
    return placements.every(({ fits }) => fits) ? "done" : "no";
  },
};

function asJson({ name, fits, cells, vcpus, emulator, iothreads, owned, ...rest }: Placement) {
  return {
    name,
    fits,
    cells,
    vcpus: vcpus.map(formatCpuSet),
    emulator: formatCpuSet(emulator),
    iothreads: iothreads.map(formatCpuSet),
    owned: formatCpuSet(owned),
    ...rest,
  };
}

function asText({ name, fits, cells, vcpus, emulator, explain }: Placement): string[] {
  if (!fits) return [`${name}: does not fit`, ...explain.map((line) => `  ${line}`)];
  const pins = vcpus.map((cpus, vcpu) => `${vcpu}:${formatCpuSet(cpus)}`).join(" ");
  const where = cells.length === 0 ? "any cell" : `cells ${cells.join(", ")}`;
  return [
    `${name}: ${where}; vCPUs ${pins}; emulator ${formatCpuSet(emulator)}`,
    ...explain.map((line) => `  ${line}`),
  ];
}

function wanted(value: string | boolean | undefined, option: string): string {
  if (typeof value === "string") return value;
  throw new UsageError(`plan needs --${option} FILE; see pulumi-kvm plan --help`);
}
