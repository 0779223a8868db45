import { domainClaim } from "../resources/domain-claim";
import { devicesIn } from "../resources/host-devices";
import { placedIn } from "../resources/placed-in";
import { planMachines } from "../resources/planned-machines";
import { formatCpuSet } from "../tuning/cpu-set";
import type { Placement } from "../tuning/placement";
import { type Command, type Flags, listFlag, textFlag, UsageError } from "./command";
import { documentsAt, hostOf, read } from "./documents";
import { readPlanRequest } from "./plan-request";

/** Runs in any shell: the help's reader may have no host at hand. */
const example = `cat > capabilities.xml <<END
<capabilities><host><topology><cells num='1'><cell id='0'>
  <memory unit='GiB'>16</memory><pages unit='KiB' size='4'>2097152</pages><pages unit='KiB' size='2048'>4096</pages>
  <cpus num='8'>
    <cpu id='0' socket_id='0' core_id='0' siblings='0,4'/><cpu id='4' socket_id='0' core_id='0' siblings='0,4'/>
    <cpu id='1' socket_id='0' core_id='1' siblings='1,5'/><cpu id='5' socket_id='0' core_id='1' siblings='1,5'/>
    <cpu id='2' socket_id='0' core_id='2' siblings='2,6'/><cpu id='6' socket_id='0' core_id='2' siblings='2,6'/>
    <cpu id='3' socket_id='0' core_id='3' siblings='3,7'/><cpu id='7' socket_id='0' core_id='3' siblings='3,7'/>
  </cpus></cell></cells></topology></host></capabilities>
END
cat > request.json <<END
{
  "host": { "housekeepingCpus": "0,4", "reservedMemory": "1 GiB" },
  "vms": [
    {
      "name": "db", "vcpus": 2, "memory": "4 GiB", "hugePages": "2 MiB",
      "cpu": { "policy": "dedicated", "mode": "host-passthrough" },
      "disks": { "root": { "iothread": 1 } }, "iothreads": 1
    },
    { "name": "web", "vcpus": 2, "memory": "2 GiB" }
  ]
}
END
pulumi-kvm plan --capabilities capabilities.xml --request request.json`;

const notes = `The capabilities are what "virsh capabilities" prints. The ledger is domain documents ("virsh dumpxml"), the devices are
node device documents ("virsh nodedev-dumpxml"): files, or folders of them (*.xml). A domain of the name of a guest that is asked
for is that guest: it stays where it is while the rules allow it.
The request is JSON: { "host": {...}, "vms": [...] }. All of host is optional, and so is all of a guest but name, vcpus
and memory.

host: Host's arguments for placement: housekeepingCpus, for the host and QEMU's own threads; dedicatedCpus, which guests
may own (default: all others); reservedMemory, kept free in each cell, or by cell as { "0": "4 GiB" }; reservedPages;
guestPages, which lets guests have huge pages added beyond reservedMemory.
Besides, deviceCells, which guests without devices keep off, and confidentialSlots, how many encrypted guests it takes.

vms: name, and any arguments of a VirtualMachine in the form that they have in a program, checked by the same rules:
sizes as "4 GiB" or as a number of bytes. Placement goes by vcpus, maxVcpus, memory, maxMemory, profile, cpu (policy,
dedicatedVcpus, smt, emulator, apart, topology), cpuTune (vcpuPins, emulatorPin, iothreadPins), numa.cells, hugePages,
iothreads, memoryDevices, hostDevices, nics with a hostdev, launchSecurity, suggestedPlacement. A guest
whose cpu.policy is left out is placed as "shared"; with cpuTune.vcpuPins or numaTune and no policy it is where these say.
References (host, volumes, networks) may be anything or be left out.
Of a guest's PCI devices the host knows cell and IOMMU group. Without --devices the request says them, in devices:
[{ "address": "0000:3b:00.0", "cell": 0, "iommuGroup": 7, "locality": "required" }]; those that hostDevices does not name
count as the guest's too. confidential: true is short for launchSecurity.

The answer with --json: { "vms": [...], "gap": N }, one entry for each guest in the order of the request: name, fits,
cells (host cell of each guest cell), vcpus (host CPUs of each vCPU), emulator, iothreads, owned, pages (of each guest
cell), devicePages (of memory devices with a pageSize), addedPages (those among them that are not there yet), guestCells,
topology, distances, cost (its terms, the most important first) and explain. gap is how many more guests a better
arrangement could place at most.
The exit code is 0 when all fit, 2 when one does not, 1 for bad input.

Example, as it stands:

${example}`;

export const plan: Command = {
  doc: "Says where virtual machines would go on a host, and why. Nothing is changed; no host is needed.",
  parameters: [],
  options: {
    capabilities: { type: "string", value: "FILE", doc: "The host's capabilities. Required." },
    request: { type: "string", value: "FILE", doc: "The virtual machines to place, as JSON. Required." },
    ledger: { type: "string", value: "PATH", multiple: true, doc: "Domains that are there already; may be repeated." },
    devices: { type: "string", value: "PATH", multiple: true, doc: "Devices of the host; may be repeated." },
    json: { type: "boolean", doc: "Prints the answer as one JSON document." },
  },
  notes,

  async run(_words, flags, output) {
    const topology = hostOf(wanted(flags, "capabilities"));
    const requestFile = wanted(flags, "request");
    const { limits, machines } = readPlanRequest(read(requestFile), requestFile, topology);
    const domains = documentsAt(listFlag(flags, "ledger"), "domain", (domain) => domain);
    const documents = documentsAt(listFlag(flags, "devices"), "device", (device) => device);
    const devices = new Map(devicesIn(documents, new Map()).map((device) => [device.address, device]));
    const names = new Set(machines.map(({ name }) => name));
    const found = domains.map((domain) => ({
      claim: domainClaim(domain, topology),
      place: placedIn(domain, topology),
    }));
    const before = new Map(found.map(({ claim, place }) => [claim.name, place]));
    const claims = found.flatMap(({ claim }) => (names.has(claim.name) ? [] : [claim]));
    const { placements, gap } = planMachines({ topology, limits, claims, before, devices }, machines);
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

function wanted(flags: Flags, option: string): string {
  const value = textFlag(flags, option);
  if (value !== undefined) return value;
  throw new UsageError(`plan needs --${option} FILE; see pulumi-kvm plan --help`);
}
