import { writeFileSync } from "node:fs";
import { parseBytes } from "../core/units";
import { domainClaim } from "../resources/domain-claim";
import { limitFaults } from "../resources/host/limit-faults";
import { limitsFor } from "../resources/host-limits";
import { parseCpuSet } from "../tuning/cpu-set";
import type { HostLimits } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { type Command, type Flags, listFlag, textFlag, UsageError } from "./command";
import { connectOptions, withHost } from "./connect";
import { documentsAt, hostOf, within } from "./documents";
import { devicesOf } from "./topology/devices";
import { pageOf } from "./topology/page";
import { hostPicture } from "./topology/picture";
import { surveyHost } from "./topology/read-host";
import type { Size } from "./topology/room";
import type { Survey } from "./topology/survey";
import { textOfPicture } from "./topology/text";

const notes = `With a URI the host is asked; nothing is changed there. Without one, everything comes from files:
the capabilities are what "virsh capabilities" prints, the ledger is domain documents ("virsh dumpxml"), the devices are
node device documents ("virsh nodedev-dumpxml"); a PATH is one file or a folder of them (*.xml), and may be given several times.

A guest owns the CPUs that it is pinned to one by one, or core by core; it floats over those that it shares.
Room is counted for one size of guest, profile by profile: how many more of them fit beside those that are there.
--json tells the same: cells with their pools, groups, cores and CPUs (occupancy, and the keys of who has them), devices,
guests by key, room, warnings.

Example: pulumi-kvm topology qemu+ssh://root@rack1/system --housekeeping 0-1 --vcpus 8 --memory "16 GiB" --html rack1.html`;

export const topology: Command = {
  doc: "Shows a host's cells, caches, cores, huge pages and devices, who owns them, and what else would fit.",
  parameters: ["[URI]"],
  options: {
    capabilities: { type: "string", value: "FILE", doc: "The host's capabilities, instead of a URI." },
    ledger: { type: "string", value: "PATH", multiple: true, doc: "With --capabilities: the domains that are there." },
    devices: { type: "string", value: "PATH", multiple: true, doc: "With --capabilities: the devices of the host." },
    housekeeping: { type: "string", value: "CPUS", doc: 'CPUs kept for the host and QEMU\'s own threads, as "0-1".' },
    dedicated: { type: "string", value: "CPUS", doc: "CPUs that guests may own. Default: all others." },
    reserve: { type: "string", value: "SIZE", doc: "Memory of each cell that is kept for the host. Default: none." },
    vcpus: { type: "string", value: "N", doc: "vCPUs of the guest that room is counted for. Default: 4." },
    memory: { type: "string", value: "SIZE", doc: 'Its memory. Default: "8 GiB".' },
    json: { type: "boolean", doc: "Prints the picture as one JSON document." },
    html: { type: "string", value: "FILE", doc: "Writes the picture as one page that needs nothing else." },
    ...connectOptions,
  },
  notes,

  async run([uri], flags, output) {
    if (uri !== undefined && flags["capabilities"] !== undefined) {
      throw new UsageError("topology takes a URI or --capabilities, not both");
    }
    const files = ["ledger", "devices"].filter((name) => listFlag(flags, name).length > 0);
    if (uri !== undefined && files.length > 0) {
      throw new UsageError(`topology asks the host of a URI; --${files[0]} goes with --capabilities`);
    }
    const size = sizeOf(flags);
    const survey = uri === undefined ? surveyFiles(flags) : await withHost(uri, flags, surveyHost);
    const picture = hostPicture({ ...survey, limits: limitsOf(flags, survey.topology) }, size);
    const file = textFlag(flags, "html");
    if (file !== undefined) {
      within(file, () => writeFileSync(file, pageOf(picture)));
      output.note(`${file} written`);
    }
    if (flags["json"] === true) output.result(JSON.stringify(picture, undefined, 2));
    else if (file === undefined) for (const line of textOfPicture(picture)) output.result(line);
    return "done";
  },
};

function surveyFiles(flags: Flags): Omit<Survey, "limits"> {
  const file = textFlag(flags, "capabilities");
  if (file === undefined) {
    throw new UsageError("topology needs a URI, or --capabilities FILE; see pulumi-kvm topology --help");
  }
  const host = hostOf(file);
  const claims = documentsAt(listFlag(flags, "ledger"), "domain", (domain) => domainClaim(domain, host));
  const devices = documentsAt(listFlag(flags, "devices"), "device", (device) => device);
  return { name: file, topology: host, guests: claims.map((claim) => ({ claim })), devices: devicesOf(devices) };
}

function sizeOf(flags: Flags): Size {
  const vcpus = Number(textFlag(flags, "vcpus") ?? "4");
  if (!Number.isSafeInteger(vcpus) || vcpus < 1) throw new UsageError("--vcpus is not a whole number from 1 on");
  const bytes = option("memory", () => parseBytes(textFlag(flags, "memory") ?? "8 GiB"));
  if (bytes < 1024n * 1024n) throw new UsageError("--memory is less than 1 MiB");
  return { vcpus, memoryKiB: Number(bytes / 1024n) };
}

function limitsOf(flags: Flags, host: HostTopology): HostLimits {
  const online = new Set(host.cells.flatMap(({ cpus }) => cpus.map(({ id }) => id)));
  const cpus = (name: string) => {
    const text = textFlag(flags, name);
    const beyond = option(name, () => parseCpuSet(text ?? "0")).filter((cpu) => text && !online.has(cpu));
    if (beyond.length > 0) throw new UsageError(`--${name} names CPUs that are not online there: ${beyond.join(", ")}`);
    return text;
  };
  const reservedMemory = textFlag(flags, "reserve");
  const declared = { housekeepingCpus: cpus("housekeeping"), dedicatedCpus: cpus("dedicated"), reservedMemory };
  const [fault] = option("reserve", () => limitFaults({ reservedMemory }, host));
  if (fault) throw new UsageError(`--reserve: ${fault.reason}`);
  return limitsFor(declared, host);
}

/** Names the option in what is wrong with its value. */
function option<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--${name}: ${error.message}`);
    throw error;
  }
}
