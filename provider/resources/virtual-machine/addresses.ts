import { isIPv6 } from "node:net";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { parseDuration } from "../../core/units";
import { ifFound } from "../failure";
import { poll } from "../poll";
import { askAgent } from "./agent";
import type { Domain } from "./domain";
import type { AddressWait } from "./lifecycle";
import type { Inputs } from "./rows";
import { logOf } from "./start-remedies";

/** Addresses by the name of the interface. */
export type Addresses = Readonly<Record<string, readonly string[]>>;

/** The numbers of virDomainInterfaceAddressesSource, the most trustworthy first. */
const sources = { agent: 1, lease: 0, arp: 2 } as const;
type Source = keyof typeof sources;

/** Addresses that lead nowhere from another machine. */
const useless = /^(127\.|169\.254\.|::1$|fe80:)/i;

/** What can be seen now, without waiting: for each interface what the agent says, else its leases, else the ARP table. */
export async function seenAddresses(
  domain: Domain,
  nics: Inputs["nics"],
  wanted: readonly Source[] = ["agent", "lease", "arp"],
): Promise<Addresses> {
  const names = new Map(Object.entries(nics).map(([key, nic]) => [nic.mac.toLowerCase(), key]));
  const found: Record<string, readonly string[]> = {};
  for (const source of wanted) {
    const isOpen = names.size > Object.keys(found).length;
    for (const { hwaddr, addrs } of isOpen ? await ask(domain, source) : []) {
      const key = names.get((hwaddr ?? "").toLowerCase());
      const addresses = addrs.map(({ addr }) => addr).filter((address) => !useless.test(address));
      if (key !== undefined && addresses.length > 0) found[key] ??= ipv4First(addresses);
    }
  }
  return found;
}

/** A source that cannot answer (no agent in the guest, no lease file) has seen nothing. */
async function ask(domain: Domain, source: Source) {
  const question = () => domain.addresses(sources[source]);
  try {
    return source === "agent"
      ? ((await askAgent(domain, await domain.liveInFull(), question)) ?? [])
      : await question();
  } catch (error) {
    if (error instanceof KvmError && error.code !== "connection-lost") return [];
    throw error;
  }
}

function ipv4First(addresses: readonly string[]): readonly string[] {
  return [...addresses].sort((a, b) => Number(isIPv6(a)) - Number(isIPv6(b)));
}

/** The one address that most programs want: of the named interface, else of the first by name that has one. */
export function mainAddress(addresses: Addresses, wait: Partial<AddressWait> | undefined): string | undefined {
  const keys = wait?.nic === undefined ? Object.keys(addresses).sort() : [wait.nic];
  const candidates = keys.flatMap((key) => addresses[key] ?? []);
  return candidates.find((address) => fits(address, wait?.family ?? "any"));
}

function fits(address: string, family: AddressWait["family"]): boolean {
  return family === "any" || (family === "ipv6") === isIPv6(address);
}

/** Leases when nothing is known of a former boot. */
export const noLeases: Leases = new Map();

/** Leases by MAC address, with the second at which they end: what dnsmasq remembers of a former boot is no proof of this one. */
export type Leases = ReadonlyMap<string, string>;

/** Whether a start is followed by a wait. */
export function waitsForAddress({ waitForAddress: wait, state, nics }: Inputs): boolean {
  return wait !== false && state === "running" && Object.keys(nics).length > 0;
}

/** The leases before a start that will be waited for. */
export async function leasesBefore(domain: Domain, inputs: Inputs): Promise<Leases> {
  return waitsForAddress(inputs) ? currentLeases(domain, inputs.nics) : noLeases;
}

async function currentLeases(domain: Domain, nics: Inputs["nics"]): Promise<Leases> {
  const networks = [...new Set(Object.values(nics).flatMap((nic) => nic.network?.name ?? []))];
  const macs = new Set(Object.values(nics).map((nic) => nic.mac));
  const found = new Map<string, string>();
  for (const name of networks) {
    const step = { step: `read the leases of Network ${name}`, host: domain.host };
    const leases = await ifFound(step, async () => {
      const { net } = await domain.libvirt.call("NETWORK_LOOKUP_BY_NAME", { name });
      return domain.libvirt.call("NETWORK_GET_DHCP_LEASES", { net, mac: undefined, needResults: 1, flags: 0 });
    });
    for (const { mac, ipaddr, expirytime } of leases?.leases ?? []) {
      // One that never ends is never renewed either, and tells nothing.
      if (mac && macs.has(mac) && expirytime !== 0n) found.set(mac, `${ipaddr} ${expirytime}`);
    }
  }
  return found;
}

/**
 * Waits until the guest that was just started has an address. A lease counts when it was granted or renewed since
 * `before`. A time-out leaves the guest alone; it is an error only where the user said so.
 */
export async function waitForAddress(domain: Domain, inputs: Inputs, before: Leases, context: Context): Promise<void> {
  const wait = inputs.waitForAddress;
  if (wait === false || !waitsForAddress(inputs)) return;
  const step = `see an address of VirtualMachine ${domain.name}`;
  const seconds = parseDuration(wait.timeout);
  context.progress("waiting for an address");
  const address = await poll({ step, seconds, signal: context.signal, interval: 0.5 }, async () => {
    await requireAlive(domain, step);
    if (wait.source !== "any") return mainAddress(await seenAddresses(domain, inputs.nics, [wait.source]), wait);
    const agent = mainAddress(await seenAddresses(domain, inputs.nics, ["agent"]), wait);
    return agent ?? mainAddress(await freshAddresses(domain, inputs, before), wait);
  });
  if (address !== undefined) return;
  const reason = `no address was seen within ${wait.timeout} (source ${wait.source})`;
  // A profile starts new machines by UEFI.
  const byFirmware = inputs.firmware === "uefi" ? '; an image that boots by BIOS alone needs firmware: "bios"' : "";
  if (!wait.required) {
    context.warn(
      `${reason}; the guest was left running. \`virsh console ${domain.name}\` shows what it does${byFirmware}`,
    );
    return;
  }
  throw new KvmError("timeout", {
    step,
    host: domain.host,
    reason: `${reason}; the guest was left running`,
    remedy: `look at its console (virsh console ${domain.name}), or raise waitForAddress.timeout${byFirmware}`,
  });
}

/** A guest that went off has no address to wait for. */
async function requireAlive(domain: Domain, step: string): Promise<void> {
  if ((await domain.power()) !== "stopped") return;
  throw new KvmError("invalid", {
    step,
    host: domain.host,
    reason: "the guest went off while its address was waited for",
    remedy: `see why (${logOf(domain)} on the host), then run pulumi up again: it starts the guest`,
  });
}

/** Addresses by lease or ARP, without interfaces whose lease is older than this start. */
async function freshAddresses(domain: Domain, inputs: Inputs, before: Leases): Promise<Addresses> {
  const seen = await seenAddresses(domain, inputs.nics, ["lease", "arp"]);
  const now = await currentLeases(domain, inputs.nics);
  const isStale = (key: string) => {
    const mac = inputs.nics[key]?.mac ?? "";
    return before.has(mac) && before.get(mac) === now.get(mac);
  };
  return Object.fromEntries(Object.entries(seen).filter(([key]) => !isStale(key)));
}
