import type { Libvirt } from "../libvirt/api";
import type { CellPages, Claim, HostLimits, Ledger } from "../tuning/request";
import type { HostTopology } from "../tuning/topology";
import { domainClaim, joinClaims } from "./domain-claim";
import { factsOf } from "./facts";
import { declaredLimits, limitsFor } from "./host-limits";
import { freePages } from "./host-pages";
import { readTopology } from "./host-topology";
import { makerOf, type OtherDomain, otherDomains } from "./other-domains";
import { readRecord } from "./placement-record";

/** What a host has, what of it may be used, and what is taken: all that a guest is placed by. */
export interface HostUsage {
  readonly topology: HostTopology;
  readonly limits: HostLimits;
  readonly ledger: Ledger;
  /** Huge pages that were added for other guests. */
  readonly added: readonly CellPages[];
  /** The resources that made the domains, by the domains' names, where ours did. */
  readonly makers: ReadonlyMap<string, string>;
}

interface Place {
  readonly uri: string;
}

/** Asks the host; `own` is the uuid of the domain to be placed, which takes nothing from itself. */
export async function hostUsage(libvirt: Libvirt, host: Place, own: string): Promise<HostUsage> {
  return usageBeside(libvirt, host, await otherDomains(libvirt, host.uri, own));
}

/** The same with those domains on the host and no other. */
export async function usageBeside(libvirt: Libvirt, host: Place, domains: readonly OtherDomain[]): Promise<HostUsage> {
  const topology = await readTopology(libvirt, host.uri);
  const { deviceCells } = factsOf(host);
  const found = { freePages: await freePages(libvirt, host.uri, topology), ...(deviceCells && { deviceCells }) };
  return {
    topology,
    limits: limitsFor(declaredLimits(host), topology, found),
    ledger: { claims: claimsOf(domains, topology) },
    added: guestPagesOf(domains),
    makers: new Map(domains.flatMap((domain) => pairOf(domain.name, makerOf(domain)))),
  };
}

function pairOf(name: string, urn: string | undefined): [string, string][] {
  return urn === undefined ? [] : [[name, urn]];
}

/** What the other domains hold now; for a look after a definition. */
export async function othersClaims(libvirt: Libvirt, host: string, own: string, topology: HostTopology) {
  return claimsOf(await otherDomains(libvirt, host, own), topology);
}

/** Pages that were added to the host's for domains, by what their definitions say. */
export function guestPagesOf(domains: readonly OtherDomain[]): CellPages[] {
  return domains.flatMap(({ documents }) => {
    const definition = documents.at(-1);
    return [...((definition && readRecord(definition)?.pages) ?? [])];
  });
}

/** One claim a domain: all that it has now and will have at its next start. */
export function claimsOf(domains: readonly OtherDomain[], topology: HostTopology): Claim[] {
  return domains.flatMap(({ documents }) => joinClaims(documents.map((document) => domainClaim(document, topology))));
}
