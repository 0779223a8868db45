import type { Libvirt } from "../../libvirt/api";
import { encryptedGuestsIn } from "../../resources/domain-capabilities";
import { domainClaim, joinClaims } from "../../resources/domain-claim";
import { attempt, ifFound } from "../../resources/failure";
import { architectureOf, virtTypesOf } from "../../resources/host/facts";
import { domainCapabilitiesOf } from "../../resources/host/observe";
import { kinds } from "../../resources/host-devices";
import { freePages } from "../../resources/host-pages";
import { topologyOf } from "../../resources/host-topology";
import { otherDomains } from "../../resources/other-domains";
import { parseAnswer } from "../../schema/answer";
import type { Element } from "../../schema/tree";
import type { HostTopology } from "../../tuning/topology";
import { devicesOf } from "./devices";
import type { Survey, SurveyedGuest } from "./survey";

/** Asks a host for all that the picture shows, in one pipelined pass. */
export async function surveyHost(libvirt: Libvirt): Promise<Omit<Survey, "limits">> {
  const host = libvirt.uri;
  const [{ capabilities }, domains, devices] = await Promise.all([
    attempt({ step: "read the host's capabilities", host }, () => libvirt.call("CONNECT_GET_CAPABILITIES", {})),
    otherDomains(libvirt, host, ""),
    deviceDocuments(libvirt),
  ]);
  const document = parseAnswer(capabilities);
  const topology = topologyOf(document);
  const confidentialSlots = await slotsOf(libvirt, document);
  return {
    name: host,
    readAt: new Date().toISOString(),
    topology,
    guests: domains.flatMap(({ isRunning, documents }) => guestOf(topology, isRunning, documents)),
    devices: devicesOf(devices),
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

async function deviceDocuments(libvirt: Libvirt): Promise<Element[]> {
  const host = libvirt.uri;
  const { devices } = await attempt({ step: "list the devices of the host", host }, () =>
    libvirt.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds }),
  );
  const texts = await Promise.all(
    devices.map(({ name }) =>
      ifFound({ step: `read the device ${name}`, host }, () =>
        libvirt.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 }),
      ),
    ),
  );
  return texts.flatMap((text) => (text ? [parseAnswer(text.xml)] : []));
}
