import type { Context } from "../../core/handler";
import type { Libvirt } from "../../libvirt/api";
import { child, type Element } from "../../schema/tree";
import { Taken } from "../hand-over";
import { bridgePorts } from "../host-devices";
import { hasInterface } from "../host-path";
import { makerOf, type OtherDomain, otherDomains } from "../other-domains";
import { devicesOf } from "./alias";
import type { Objection } from "./host-use";
import { NodeDevices } from "./node-devices";
import type { Inputs } from "./rows";
import { entriesOf, type Nic } from "./rule-entries";

type Direct = NonNullable<Nic["direct"]>;

/** Refuses macvtap on an interface that carries a bridge of the host, or that another domain has taken whole. */
export async function requireCards(libvirt: Libvirt, { nics, name, host }: Inputs, own: string): Promise<void> {
  const cards = entriesOf<Nic>(nics).flatMap(([key, { direct }]) => (direct ? [[key, direct] as const] : []));
  if (cards.length === 0) return;
  const [ports, others] = await Promise.all([
    bridgePorts(libvirt, host.uri, ["bond"]),
    otherDomains(libvirt, host.uri, own),
  ]);
  for (const [key, direct] of cards) {
    const bridge = ports.get(direct.dev);
    const objection = bridge === undefined ? takenBy(direct, others) : carries(direct.dev, bridge);
    if (!objection) continue;
    const step = `plug nics.${key} of VirtualMachine ${name} into ${direct.dev}`;
    const reason = `nics.${key}.direct: ${objection.reason}; nothing was changed`;
    throw new Taken({ step, host: host.uri, reason, remedy: objection.remedy }, objection.holder);
  }
}

/**
 * Refuses names of interfaces that the host or another guest has. Where libvirt (seen in 9.0) cannot make a macvtap of the
 * name, it deletes the interface that has it: a bridge of the host, or what a running guest is connected by.
 */
export async function requireTargets(libvirt: Libvirt, { nics, name, host }: Inputs, own: string): Promise<void> {
  for (const [key, { target, direct, network }] of entriesOf<Nic>(nics)) {
    // Of the others libvirt says itself that the name is taken, and one of `ethernet` may be there before.
    if (typeof target !== "string" || (direct ?? network) === undefined) continue;
    if (!(await hasInterface(libvirt, target))) continue;
    const running = await otherDomains(libvirt, host.uri, "", true);
    const holder = running.find(({ documents }) => documents.some((document) => targetsOf(document).includes(target)));
    if (holder?.uuid === own) continue;
    const whose = holder ? `the domain ${holder.name}` : "the host";
    const refusal = {
      step: `plug in nics.${key} of VirtualMachine ${name}`,
      host: host.uri,
      reason: `nics.${key}.target: ${whose} has an interface ${target} already; nothing was changed`,
      remedy: "leave target out, so that libvirt gives a name, or choose one that is free (ip -br link on the host)",
    };
    throw new Taken(refusal, holder && makerOf(holder));
  }
}

function targetsOf(document: Element): (string | undefined)[] {
  return devicesOf(document, "interface").map((nic) => child(nic, "target")?.attributes["dev"]);
}

/** Says what mode passthrough does to an interface that is up: the host may be reached by it. */
export async function warnOfCards(libvirt: Libvirt, { nics, host }: Inputs, own: string, context: Context) {
  const whole = entriesOf<Nic>(nics).filter(([, { direct }]) => direct?.mode === "passthrough");
  if (whole.length === 0) return;
  const devices = new NodeDevices(libvirt, host.uri);
  const [interfaces, running] = await Promise.all([
    devices.interfaces().catch(() => []),
    otherDomains(libvirt, host.uri, "", true),
  ]);
  const taken = running
    .filter(({ uuid }) => uuid === own)
    .flatMap(({ documents }) => documents.flatMap((document) => devicesOf(document, "interface")))
    .map((nic) => child(nic, "source")?.attributes["dev"]);
  for (const [key, { direct }] of whole) {
    const card = interfaces.find(({ name, isUp }) => name === direct?.dev && isUp);
    if (!card || taken.includes(card.name) || (await devices.isVirtualFunction(card.parent))) continue;
    context.warn(
      `nics.${key}.direct: mode passthrough takes ${card.name} whole, and it is up on the host: what the host reaches by it, and who reaches the host, is cut off while the guest runs. Where it is the guest's alone set it down (ip link set ${card.name} down), else use mode "bridge"`,
    );
  }
}

function carries(dev: string, bridge: string): Objection {
  return {
    reason: `${dev} is in use by the host: it is the uplink of the bridge ${bridge}`,
    remedy: `plug it into the bridge (bridge: "${bridge}"), or give another interface`,
  };
}

/** Any number of guests share an interface, unless one of them has it in mode passthrough. */
function takenBy({ dev, mode }: Direct, others: readonly OtherDomain[]): Objection | undefined {
  const holder = others.find(({ documents }) =>
    documents
      .flatMap((document) => devicesOf(document, "interface"))
      .map((nic) => (nic.attributes["type"] === "direct" ? child(nic, "source")?.attributes : undefined))
      .some((source) => source?.["dev"] === dev && [mode, source["mode"]].includes("passthrough")),
  );
  return (
    holder && {
      reason: `the domain ${holder.name} has ${dev} too, and mode passthrough takes it whole`,
      remedy: `use mode "bridge" in both, or give another interface`,
      holder: makerOf(holder),
    }
  );
}
