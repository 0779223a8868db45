import type { Libvirt } from "../../libvirt/api";
import { child } from "../../schema/tree";
import { Taken } from "../hand-over";
import { makerOf, otherDomains } from "../other-domains";
import { devicesOf } from "./alias";
import type { Inputs } from "./rows";
import { entriesOf, type Nic } from "./rule-entries";

/** Addresses that are derived begin so, and are nobody else's; 52:54:00 is what people and tools make up. */
const derived = /^52:(?!54:00)/;

/** Refuses a MAC address of the program's own that another domain of the host has: both would lose packets. */
export async function requireAddresses(libvirt: Libvirt, { nics, name, host }: Inputs, own: string): Promise<void> {
  const claims = entriesOf<Nic>(nics).filter(([, { mac }]) => typeof mac === "string" && !derived.test(mac));
  if (claims.length === 0) return;
  const others = await otherDomains(libvirt, host.uri, own);
  for (const [key, { mac }] of claims) {
    const holder = others.find(({ documents }) =>
      documents
        .flatMap((document) => devicesOf(document, "interface"))
        .some((nic) => child(nic, "mac")?.attributes["address"]?.toLowerCase() === mac),
    );
    if (!holder) continue;
    const refusal = {
      step: `give nics.${key} to VirtualMachine ${name}`,
      host: host.uri,
      reason: `nics.${key}.mac: ${mac} is the address of an interface of the domain ${holder.name}; nothing was changed`,
      remedy: "leave mac out, so that it is derived, or give another address",
    };
    throw new Taken(refusal, makerOf(holder));
  }
}
