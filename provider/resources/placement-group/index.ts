import { randomUUID } from "node:crypto";
import { attribute, type StateOf, z } from "../../core/attribute";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { Identity } from "../../core/identity";
import { defineResource, type Made } from "../../core/resource";
import { placeAll } from "../../tuning/place-all";
import type { Placement } from "../../tuning/placement";
import type { PlacedBefore } from "../../tuning/request";
import { hostRow } from "../host-reference";
import { usageBeside } from "../host-usage";
import { type OtherDomain, otherDomains } from "../other-domains";
import { readMark } from "../ownership";
import { type PlacedPlace, placedBefore, placeText } from "../placed";
import { placedIn } from "../placed-in";
import { type GuestRequest, guestRequest, plannerRequest } from "../placement-request";

const rows = {
  host: hostRow,
  requests: attribute<Readonly<Record<string, GuestRequest>>>({
    doc: "The virtual machines of the set by their logical names in the program, each with what its place depends on: `vcpus`, `maxVcpus`, `memory`, `maxMemory`, `cpu`, `numa`, `hugePages`, `iothreads`, as the VirtualMachine has them, `devices` by address and cell, and `confidential`.",
    schema: z.record(z.string().min(1), guestRequest),
    change: () => ({ class: "live", reason: "planned anew; machines that are placed stay" }),
  }),
};

const outputs = {
  placements: {
    doc: "Where each virtual machine would go, by its name: what its argument `suggestedPlacement` takes.",
    type: "{ readonly [name: string]: { readonly cells: readonly number[]; readonly vcpus: readonly string[]; readonly emulator: string; readonly iothreads: readonly string[]; readonly pages: readonly { readonly cell: number; readonly size: string; readonly count: number }[] } }",
  },
  explain: {
    doc: "The reasons of each placement, by the name of its virtual machine.",
    type: "{ readonly [name: string]: readonly string[] }",
  },
} as const;

type Inputs = StateOf<typeof rows>;

/** A plan; nothing of it is on the host. Each virtual machine is placed by itself, at its create, where the plan says. */
export const placementGroup = defineResource({
  type: "PlacementGroup",
  doc: "Plans where a set of virtual machines goes on a host, all together and the biggest first. Each takes its part by `suggestedPlacement` and is still placed under the lock of the host when it is made: what others took meanwhile is not taken from them.",
  rows,
  outputs,

  create: (inputs, context) => planned(idOf(context), inputs, {}, context),
  update: (id, olds, news, _changes, context) => planned(id, news, olds.placements, context),

  async read(id, { host, requests, placements, explain }) {
    return { id, outputs: { placements, explain }, inputs: { host, requests } };
  },

  async delete() {
    // There is nothing but the plan.
  },
});

function idOf({ meta }: Context): string {
  return meta ? new Identity(meta).uuid : randomUUID();
}

async function planned(
  id: string,
  { host, requests }: Inputs,
  before: unknown,
  context: Context,
): Promise<Made<typeof outputs>> {
  const libvirt = await context.connect(host);
  const domains = await otherDomains(libvirt, host.uri, "");
  const isMember = (domain: OtherDomain) => memberName(domain, host.owner, context) in requests;
  const usage = await usageBeside(
    libvirt,
    host,
    domains.filter((domain) => !isMember(domain)),
  );
  const present = new Map(
    domains.filter(isMember).flatMap((domain): [string, PlacedBefore][] => {
      const place = domain.documents[0] && placedIn(domain.documents[0], usage.topology);
      return place ? [[memberName(domain, host.owner, context), place]] : [];
    }),
  );
  const old = (before ?? {}) as Readonly<Record<string, PlacedPlace>>;
  const questions = Object.entries(requests).map(([name, request]) => {
    // Where it is goes before where it was to be.
    const previous = present.get(name) ?? (old[name] && placedBefore(old[name]));
    return { ...plannerRequest(name, request), ...(previous && { previous }) };
  });
  const { placements } = placeAll(usage.topology, usage.limits, usage.ledger, questions);
  refuseUnplaced(placements, host.uri);
  return {
    id,
    outputs: {
      placements: Object.fromEntries(placements.map((place) => [place.name, placeText(place)])),
      explain: Object.fromEntries(placements.map(({ name, explain }) => [name, [...explain]])),
    },
  };
}

/** Name in the program of a virtual machine of the same stack; "" for any other domain. */
function memberName({ documents }: OtherDomain, owner: string | undefined, { meta }: Context): string {
  const mark = documents[0] && readMark(documents[0]);
  const stackOf = (urn: string) => urn.split("::").slice(0, 2).join("::");
  if (!mark || !meta || mark.owner !== owner || stackOf(mark.urn) !== stackOf(meta.urn)) return "";
  return mark.urn.split("::").at(-1) ?? "";
}

function refuseUnplaced(placements: readonly Placement[], host: string): void {
  const without = placements.filter(({ fits }) => !fits);
  if (without.length === 0) return;
  const facts = without.map(({ name, explain }) => {
    const reasons = explain.filter((line) => !line.startsWith("remedy: "));
    return `${name}: ${reasons.join("; ")}`;
  });
  const remedies = new Set(
    without.flatMap(({ explain }) => explain.flatMap((line) => /^remedy: (.*)$/.exec(line)?.[1] ?? [])),
  );
  throw new KvmError("conflict", {
    step: `place ${without.length} of ${placements.length} virtual machines`,
    host,
    reason: facts.join("\n    "),
    remedy: [...remedies].join("; or "),
  });
}
