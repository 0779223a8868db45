import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import { child } from "../../schema/tree";
import { bridgePorts } from "../host-devices";
import { type OtherDomain, otherDomains } from "../other-domains";
import { devicesOf } from "./alias";
import type { Objection } from "./host-use";
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
    throw new KvmError("conflict", {
      step: `plug nics.${key} of VirtualMachine ${name} into ${direct.dev}`,
      host: host.uri,
      reason: `nics.${key}.direct: ${objection.reason}; nothing was changed`,
      remedy: objection.remedy,
    });
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
    }
  );
}
