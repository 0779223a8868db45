import { formatBytes } from "../../core/units";
import type { Libvirt } from "../../libvirt/api";
import { parseAnswer } from "../../schema/answer";
import type { Element } from "../../schema/tree";
import { versionText } from "../../schema/version";
import type { HostTopology } from "../../tuning/topology";
import { launchSecurityIn, nestedIn } from "../domain-capabilities";
import { attempt } from "../failure";
import { hostDevices } from "../host-devices";
import { topologyOf } from "../host-topology";
import { architectureOf, factsOf, machineTypesOf, sizeOf, virtTypesOf } from "./facts";
import { cpuOf, offersOf } from "./hardware";
import { freeNow, lasting } from "./momentary";
import type { outputs } from "./outputs";
import { describeTopology } from "./topology";

/** The machine's capabilities document with the topology that it tells of. */
export interface Machine {
  readonly capabilities: Element;
  readonly topology: HostTopology;
}

export async function machineOf(libvirt: Libvirt, host: string): Promise<Machine> {
  return attempt({ step: "read the capabilities", host }, async () => {
    const { capabilities: xml } = await libvirt.call("CONNECT_GET_CAPABILITIES", {});
    const capabilities = parseAnswer(xml);
    return { capabilities, topology: topologyOf(capabilities) };
  });
}

/** All outputs but the owner; `now` adds what is true for the moment only. */
export async function observe(
  libvirt: Libvirt,
  host: string,
  { capabilities, topology }: Machine,
  now: boolean,
): Promise<{ readonly [K in keyof typeof outputs]?: unknown }> {
  const [virtTypes, architecture] = [virtTypesOf(capabilities), architectureOf(capabilities)];
  const [{ hostname }, { hvVersion }, domainCapabilities, devices, free] = await Promise.all([
    attempt({ step: "read the host name", host }, () => libvirt.call("CONNECT_GET_HOSTNAME", {})),
    attempt({ step: "read the versions", host }, () => libvirt.call("CONNECT_GET_VERSION", {})),
    domainCapabilitiesOf(libvirt, host, architecture, virtTypes),
    hostDevices(libvirt, host),
    now ? freeNow(libvirt, host, topology) : undefined,
  ]);
  const { cpus, memory } = sizeOf(capabilities);
  return {
    uuid: libvirt.hostUuid,
    hostname,
    libvirtVersion: versionText(libvirt.version),
    qemuVersion: versionText(Number(hvVersion)),
    virtTypes,
    kvm: virtTypes.includes("kvm"),
    nested: domainCapabilities && nestedIn(domainCapabilities),
    architecture,
    cpu: cpuOf(capabilities, domainCapabilities),
    cpus,
    memory: formatBytes(memory),
    machineTypes: machineTypesOf(capabilities),
    ...(domainCapabilities && offersOf(domainCapabilities)),
    launchSecurity: domainCapabilities ? launchSecurityIn(domainCapabilities) : [],
    topology: describeTopology(topology),
    nodeDevices: devices && (now ? devices : lasting(devices)),
    free,
    facts: factsOf(libvirt.version, capabilities, domainCapabilities, topology, devices),
  };
}

/** Undefined where no emulator of the machine's own architecture is installed, or the driver (test) has none. */
export async function domainCapabilitiesOf(
  libvirt: Libvirt,
  host: string,
  architecture: string,
  virtTypes: readonly string[],
): Promise<Element | undefined> {
  if (!virtTypes.some((type) => type === "kvm" || type === "qemu")) return undefined;
  const { capabilities } = await attempt({ step: "read the domain capabilities", host }, () =>
    libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", {
      emulatorbin: undefined,
      arch: architecture,
      // Secure Boot needs q35 on x86; elsewhere the default machine says it.
      machine: architecture === "x86_64" ? "q35" : undefined,
      virttype: virtTypes.includes("kvm") ? "kvm" : "qemu",
      flags: 0,
    }),
  );
  return parseAnswer(capabilities);
}
