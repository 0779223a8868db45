import type { Libvirt } from "../../libvirt/api";
import { encryptedGuestsIn } from "../../resources/domain-capabilities";
import { domainClaim, joinClaims } from "../../resources/domain-claim";
import { architectureOf, virtTypesOf } from "../../resources/host/facts";
import { domainCapabilitiesOf, machineOf } from "../../resources/host/observe";
import { deviceDocuments } from "../../resources/host-devices";
import { freePages } from "../../resources/host-pages";
import { otherDomains } from "../../resources/other-domains";
import type { Element } from "../../schema/tree";
import type { HostTopology } from "../../tuning/topology";
import { devicesOf } from "./devices";
import type { Survey, SurveyedGuest } from "./survey";

/** Asks a host for all that the picture shows, in one pipelined pass. */
export async function surveyHost(libvirt: Libvirt): Promise<Omit<Survey, "limits">> {
  const host = libvirt.uri;
  const [{ capabilities, topology }, domains, devices] = await Promise.all([
    machineOf(libvirt, host),
    otherDomains(libvirt, host, ""),
    deviceDocuments(libvirt, host),
  ]);
  const confidentialSlots = await slotsOf(libvirt, capabilities);
  return {
    name: host,
    readAt: new Date().toISOString(),
    topology,
    guests: domains.flatMap(({ isRunning, documents }) => guestOf(topology, isRunning, documents)),
    devices: devicesOf(devices ?? []),
    freePages: await freePages(libvirt, host, topology),
    ...(confidentialSlots !== undefined && { confidentialSlots }),
  };
}

async function slotsOf(libvirt: Libvirt, capabilities: Element): Promise<number | undefined> {
  const offered = await domainCapabilitiesOf(
    libvirt,
    libvirt.uri,
    architectureOf(capabilities),
    virtTypesOf(capabilities),
  );
  return offered && encryptedGuestsIn(offered);
}

function guestOf(topology: HostTopology, running: boolean, documents: readonly Element[]): SurveyedGuest[] {
  const claims = documents.map((document) => domainClaim(document, topology));
  return joinClaims(claims).map((claim) => ({ running, claim }));
}
