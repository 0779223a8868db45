import { randomUUID } from "node:crypto";
import { attribute, type StateOf, z } from "../../core/attribute";
import type { Fault } from "../../core/check";
import type { Made } from "../../core/definition";
import { equal } from "../../core/equal";
import { KvmError } from "../../core/errors";
import { formatPath } from "../../core/faults";
import type { Context, Values } from "../../core/handler";
import { Identity, isSameStack, nameIn } from "../../core/identity";
import { defineResource } from "../../core/resource";
import { hasUnknown, isPlainObject, unknown } from "../../core/unknown";
import type { Placement } from "../../tuning/placement";
import type { PlacedBefore } from "../../tuning/request";
import { type AskedMachine, machineOf, tuningOf } from "../asked-machine";
import { hostRow } from "../host-reference";
import { usageBeside } from "../host-usage";
import { type OtherDomain, otherDomains } from "../other-domains";
import { readMark } from "../ownership";
import { type PlacedPlace, placedBefore, placeText } from "../placed";
import { placedIn } from "../placed-in";
import { demandOf, devicesOnHost, planMachines } from "../planned-machines";

type Requests = Readonly<Record<string, Values>>;

const rows = {
  host: hostRow,
  requests: attribute<Requests>({
    doc: "The virtual machines of the set by their logical names in the program, each with the arguments that it has there itself: what its place does not depend on is passed over. A machine without `cpu.policy` and pins of its own floats (`shared`). Beside them `devices` tells cell and IOMMU group of PCI devices where the host does not, and `confidential: true` is short for `launchSecurity`.",
    schema: z.record(z.string().min(1), z.record(z.string(), z.unknown())),
    written: { name: "PlacementRequest", each: true },
    change: (old, next, { next: { defaultsVersion } }) =>
      equal(questionsOf(old, defaultsVersion), questionsOf(next, defaultsVersion))
        ? { class: "none" }
        : { class: "live", reason: "planned anew; machines that are placed stay" },
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
const plan = defineResource({
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

/** Each request is checked as the machine that it is of, with its own profile and rules. */
export const placementGroup: typeof plan = {
  ...plan,
  check(news, olds, meta) {
    const { requests } = news;
    if (!isPlainObject(requests)) return plan.check(news, olds, meta);
    const faults: Fault[] = [];
    const { defaultsVersion = olds?.["defaultsVersion"] } = news;
    const checked = Object.entries(requests).map(([name, given]) => {
      const machine = machineFor(name, given, defaultsVersion, faults);
      return [name, given === unknown ? given : machine ? tuningOf(given as Values, machine) : {}] as const;
    });
    const { inputs, failures } = plan.check({ ...news, requests: Object.fromEntries(checked) }, olds, meta);
    return { inputs, failures: [...failures, ...faults] };
  },
};

function machineFor(name: string, given: unknown, defaultsVersion: unknown, faults: Fault[]): AskedMachine | undefined {
  if (given === unknown) return undefined;
  const wanted = isPlainObject(given) ? { defaultsVersion, ...given, hugePages: pagesOf(given["hugePages"]) } : given;
  const machine = machineOf(wanted, name, formatPath(["requests", name]), faults);
  return machine && { ...machine, name };
}

/** Earlier releases had names of their own for these. */
function pagesOf(hugePages: unknown): unknown {
  if (hugePages === "any") return "preferred";
  return hugePages === "large" ? "required" : hugePages;
}

/** The machines of requests that were checked before. */
function machinesOf(requests: Requests, defaultsVersion: unknown): AskedMachine[] {
  return Object.entries(requests).flatMap(([name, given]) => machineFor(name, given, defaultsVersion, []) ?? []);
}

/** All that the plan of requests depends on, in whatever spelling: that of earlier releases had every default in it. */
function questionsOf(requests: unknown, defaultsVersion: unknown): unknown {
  if (hasUnknown(requests)) return requests;
  return Object.fromEntries(
    machinesOf(requests as Requests, defaultsVersion).map((machine) => [machine.name, demandOf(machine)]),
  );
}

function idOf({ meta }: Context): string {
  return meta ? new Identity(meta).uuid : randomUUID();
}

async function planned(
  id: string,
  { host, requests, defaultsVersion }: Inputs & { readonly defaultsVersion?: number },
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
  const machines = machinesOf(requests, defaultsVersion);
  const { topology, limits, ledger } = usage;
  const { placements } = planMachines(
    {
      ...{ topology, limits, claims: ledger.claims },
      // Where it is goes before where it was to be.
      before: new Map(machines.map(({ name }) => [name, present.get(name) ?? (old[name] && placedBefore(old[name]))])),
      devices: await devicesOnHost(libvirt, host.uri, machines),
    },
    machines,
  );
  const others = domains.map((domain) => memberName(domain, host.owner, context));
  refuseUnplaced(
    placements,
    host.uri,
    others.filter((name) => name !== "" && !(name in requests)),
  );
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
  if (!mark || !meta || mark.owner !== owner || !isSameStack(mark.urn, meta.urn)) return "";
  return nameIn(mark.urn);
}

/** `others` are machines of the stack that no request is of: one that is meant by another name stands in its own way. */
function refuseUnplaced(placements: readonly Placement[], host: string, others: readonly string[]): void {
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
    remedy: [
      ...remedies,
      ...(others.length > 0
        ? [
            `where a request is of ${others.join(" or ")}, which this stack has there, call it by that name of the machine`,
          ]
        : []),
    ].join("; or "),
  });
}
