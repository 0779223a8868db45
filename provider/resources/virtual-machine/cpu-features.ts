import { attribute, block, z } from "../../core/attribute";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove } from "../../schema/tree";

const policies = ["require", "disable", "force", "optional", "forbid"] as const;
type Policy = (typeof policies)[number];

/** What lets a guest run guests: Intel's and AMD's name for it. */
export const nesting = ["vmx", "svm"];

function featuresOf(document: Element): [string, Policy][] {
  const cpu = child(document, "cpu");
  return (cpu ? children(cpu, "feature") : []).flatMap(({ attributes }): [string, Policy][] => {
    const policy = policies.find((known) => known === (attributes["policy"] ?? "require"));
    return policy && attributes["name"] ? [[attributes["name"], policy]] : [];
  });
}

function setFeatures(document: Element, features: readonly (readonly [string, Policy])[]): void {
  const cpu = ensure(document, "cpu");
  cpu.children = cpu.children.filter((node) => !("name" in node && node.name === "feature"));
  cpu.children.push(...features.map(([name, policy]) => element("feature", { policy, name })));
}

/** Both names with one policy: a host knows one of them and takes the other as it is meant. */
const nestedLens: ElementLens<boolean> = {
  get(document) {
    const found = new Set(featuresOf(document).flatMap(([name, policy]) => (nesting.includes(name) ? [policy] : [])));
    if (found.size !== 1) return undefined;
    return found.has("optional") ? true : found.has("disable") ? false : undefined;
  },
  set(document, value) {
    const others = featuresOf(document).filter(([name]) => !nesting.includes(name));
    const policy = value ? "optional" : "disable";
    setFeatures(
      document,
      value === undefined ? others : [...others, ...nesting.map((name) => [name, policy] as const)],
    );
  },
};

const featuresLens: ElementLens<Readonly<Record<string, Policy>>> = {
  get(document) {
    const own = nestedLens.get(document) === undefined ? [] : nesting;
    const found = featuresOf(document).filter(([name]) => !own.includes(name));
    return found.length > 0 ? Object.fromEntries(found) : undefined;
  },
  set(document, value = {}) {
    const kept = featuresOf(document).filter(
      ([name]) => nesting.includes(name) && nestedLens.get(document) !== undefined,
    );
    setFeatures(document, [...kept.filter(([name]) => !Object.hasOwn(value, name)), ...Object.entries(value)]);
  },
};

/** Of vCPUs, or of the parts of a topology. */
export const count = z
  .int("must be a whole number, and no text")
  .min(1, "must be at least 1")
  .max(4096, "must be at most 4096");
const topologyAt = (name: string) => number(attributeAt("cpu/topology", name));

/** Sockets go last when the topology is taken away, and with them what libvirt added by itself. */
const socketsLens: ElementLens<number> = {
  get: topologyAt("sockets").get,
  set(document, value) {
    if (value === undefined) remove(document, "cpu/topology");
    else topologyAt("sockets").set(document, value);
  },
};

/** A part of the topology; the counts multiply to `maxVcpus`. */
function part(name: string, doc: string, since?: string) {
  return attribute({
    doc: `${doc} (\`<topology ${name}>\`). Default 1.`,
    schema: count,
    ...(since && { since }),
    defaults: { 1: 1 },
    change: "restart",
    lens: topologyAt(name),
  });
}

/** What the guest sees of its CPU beside the model; part of `cpu`. */
export const cpuFeatureRows = {
  migratable: attribute({
    doc: "Whether features that keep the guest from migrating are left out; modes host-passthrough and maximum (`<cpu migratable>`). Default: true with host-passthrough.",
    schema: z.boolean().optional(),
    change: "restart",
    lens: words(attributeAt("cpu", "migratable"), "on", "off"),
  }),
  nested: attribute({
    doc: "Whether the guest may run guests with hardware virtualization: the features vmx and svm, `optional` or `disable` (`<feature>`). Default: what the mode gives.",
    schema: z.boolean().optional(),
    change: "restart",
    lens: nestedLens,
  }),
  features: attribute({
    doc: "Features of the CPU by libvirt's names, each `require`, `disable`, `force`, `optional` or `forbid` (`<feature policy>`). Default: those of the model.",
    schema: z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), z.enum(policies)).optional(),
    change: "restart",
    lens: featuresLens,
  }),
  topology: block({
    doc: "Sockets, dies, cores and threads that the guest sees; they multiply to `maxVcpus` (`<topology>`). Default: one socket for each vCPU.",
    rows: {
      dies: part("dies", "Dies of a socket"),
      clusters: attribute({
        doc: "Clusters of a die (`<topology clusters>`, libvirt 10.1). Default: none said, which is 1.",
        schema: count.optional(),
        since: "10.1",
        change: "restart",
        lens: topologyAt("clusters"),
      }),
      cores: part("cores", "Cores of a die, or of a cluster"),
      threads: part("threads", "Threads of a core"),
      sockets: attribute({
        doc: "Sockets (`<topology sockets>`). Default 1.",
        schema: count,
        defaults: { 1: 1 },
        change: "restart",
        lens: socketsLens,
      }),
    },
  }),
  cache: block({
    doc: "Caches that the guest sees (`<cache>`). Default: what QEMU makes of the mode.",
    rows: {
      mode: attribute({
        doc: "`passthrough` (the host's; needs host-passthrough or maximum), `emulate` (needs `level`) or `disable` (`<cache mode>`).",
        schema: z.enum(["passthrough", "emulate", "disable"]),
        change: "restart",
        lens: oneOf(attributeAt("cpu/cache", "mode"), ["passthrough", "emulate", "disable"]),
      }),
      level: attribute({
        doc: "Level of the emulated cache, which QEMU has for 3 alone (`<cache level>`).",
        schema: z.literal(3, "must be 3: QEMU emulates no other level").optional(),
        change: "restart",
        lens: number(attributeAt("cpu/cache", "level")) as ElementLens<3>,
      }),
    },
  }),
  maxPhysicalAddress: block({
    doc: "Width of physical addresses, for guests of much memory (`<maxphysaddr>`, libvirt 8.7). Default: QEMU's own.",
    rows: {
      mode: attribute({
        doc: "`passthrough` (the host's; needs host-passthrough) or `emulate` (needs `bits`) (`<maxphysaddr mode>`).",
        schema: z.enum(["passthrough", "emulate"]),
        since: "8.7",
        change: "restart",
        lens: oneOf(attributeAt("cpu/maxphysaddr", "mode"), ["passthrough", "emulate"]),
      }),
      bits: attribute({
        doc: "Width in bits with mode emulate (`<maxphysaddr bits>`).",
        schema: z.int().min(32).max(64).optional(),
        since: "8.7",
        change: "restart",
        lens: number(attributeAt("cpu/maxphysaddr", "bits")),
      }),
      limit: attribute({
        doc: "Most bits with mode passthrough (`<maxphysaddr limit>`, libvirt 9.3). Default: the host's.",
        schema: z.int().min(32).max(64).optional(),
        since: "9.3",
        change: "restart",
        lens: number(attributeAt("cpu/maxphysaddr", "limit")),
      }),
    },
  }),
};
