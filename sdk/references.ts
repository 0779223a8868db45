import { types } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import type { DeclaredLimits } from "../provider/resources/host-limits";
import type { NetworkReference } from "../provider/resources/virtual-machine/nic-sources";

type Fields = Readonly<Record<string, unknown>>;

/** Arguments as they go to the provider. */
export interface Lifted {
  readonly values: Fields;
  /** The Host that they all live on, when the program passed resources rather than plain references. */
  readonly host: object | undefined;
}

interface Known {
  readonly type: string;
  readonly lifted: Lifted;
  /** Made for the first that refers to it: hundreds may do so. */
  reference?: Fields;
}

const copies = Symbol.for("pulumi-kvm.resources");

/**
 * Our resources of this program, with their class and arguments. A package of the user's that makes some may bring a copy
 * of this one, of another version even: what they all keep here stays as it is.
 */
const shared = globalThis as { [copies]?: WeakMap<object, Known> };
shared[copies] ??= new WeakMap();
const known = shared[copies];

/** Makes a resource usable as an argument of others. */
export function remember(resource: object, type: string, lifted: Lifted): void {
  known.set(resource, { type, lifted });
}

/** Whether it is one of our resources, whichever copy of the package made it. */
export function isOurs(resource: object): boolean {
  return known.has(resource);
}

/** What a resource tells those that refer to it, by class name. */
const references: Readonly<Record<string, (resource: Fields, lifted: Fields) => Fields>> = {
  Host: hostReference,
  Network: networkReference,
  StoragePool: (resource, lifted) => ({ ...pick(resource, ["uuid", "name", "type", "path"]), host: lifted["host"] }),
  Volume: (resource, lifted) => ({ ...volumeReference(resource, lifted), ...encryptionOf(lifted) }),
  CloudInitDisk: volumeReference,
};

/** Levels of arguments: no document of libvirt or cloud-init has nearly as many. */
const deepest = 100;

/** Refuses a text that was made with an output in it: Pulumi only puts its advice there, which would go to the host. */
export function refuseOutputIn(text: unknown, place: string): void {
  if (typeof text !== "string" || !/Calling \[to(String|JSON)\] on an \[Output/.test(text)) return;
  throw new pulumi.RunError(
    `${place} has an output in its text, whose value is not there yet: write pulumi.interpolate\`...\${output}...\` or output.apply(value => ...) in place of a template or +, and pulumi.jsonStringify in place of JSON.stringify`,
  );
}

/** Replaces every resource in the arguments by a reference. Resources of two hosts in one object are an error at once. */
export function lift(args: object, object: string): Lifted {
  const hosts = new Map<object, string>();

  function live(host: object, path: readonly string[]): void {
    hosts.set(host, path.join("."));
    if (hosts.size > 1) {
      throw new pulumi.RunError(
        `${object} mixes objects of ${hosts.size} hosts (${[...hosts.values()].join(", ")}): all must live on one host`,
      );
    }
  }

  function refuseLossy(value: unknown, path: readonly string[]): void {
    refuseOutputIn(value, `${object}: ${path.join(".")}`);
    if (path.length > deepest) {
      const [top, next] = path;
      throw new pulumi.RunError(`${object}: ${top}.${next} contains itself: Pulumi would not come to its end`);
    }
    const what = lossy(value);
    if (what === undefined) return;
    throw new pulumi.RunError(
      `${object}: ${path.join(".")} is a ${what}, which Pulumi cannot pass on: give text. Files are read as such by readFileSync(path, "utf8"), and loaders of YAML make a Date of one that stands without quotes`,
    );
  }

  function visit(value: unknown, path: readonly string[]): unknown {
    refuseLossy(value, path);
    if (typeof value !== "object" || value === null) return value;
    const resource = known.get(value);
    if (resource) {
      const host = resource.type === "Host" ? value : resource.lifted.host;
      if (host) live(host, path);
      const make = references[resource.type];
      if (!make) throw new pulumi.RunError(`${object}: ${path.join(".")} cannot be a ${resource.type}`);
      resource.reference ??= make(value as Fields, resource.lifted.values);
      return resource.reference;
    }
    // What Pulumi keeps in one ends with the program: who waited for all of it would wait for ever.
    if (pulumi.Resource.isInstance(value)) {
      const { __pulumiType: type } = value as unknown as Fields;
      throw new pulumi.RunError(`${object}: ${path.join(".")} cannot be a ${type}: give one of its properties`);
    }
    if (types.isPromise(value)) {
      // An output of it is made of copies, of which none has a class any more.
      const looked = value.then((settled) => {
        visit(settled, path);
        return settled;
      });
      return applied(pulumi.output(looked), (settled) => visit(settled, path));
    }
    if (pulumi.Output.isInstance(value)) return applied(value, (settled) => visit(settled, path));
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, String(index)]));
    const make = ofExport(value as Fields);
    if (make) return make(value as Fields, value as Fields);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
  }

  const values = Object.fromEntries(Object.entries(args).map(([key, value]) => [key, visit(value, [key])]));
  return { values, host: [...hosts.keys()][0] };
}

/** What Host's arguments say of the use of its machine: known in previews, for its resources to be placed by. */
const limits = Object.keys({
  housekeepingCpus: true,
  dedicatedCpus: true,
  reservedMemory: true,
  reservedPages: true,
  guestPages: true,
} satisfies Record<keyof DeclaredLimits, true>);

/** For what another stack exports whole and a StackReference reads: the properties of a resource, with its urn. */
function ofExport({ urn }: Fields): ((resource: Fields, lifted: Fields) => Fields) | undefined {
  const type = typeof urn === "string" ? /pulumi-nodejs:dynamic\/kvm:(\w+)::/.exec(urn)?.[1] : undefined;
  return type === undefined ? undefined : references[type];
}

/** What the program did not give is left out: a preview takes an output that does not exist for one that is not known yet. */
function hostReference(resource: Fields, lifted: Fields): Fields {
  const given = (names: readonly string[]) => names.filter((name) => lifted[name] !== undefined);
  return {
    ...pick(resource, ["uri", ...given(["hostKey", "identityFile", "identityEnv"]), "uuid", "owner"]),
    facts: asText(resource["facts"]),
    limits: asText(pick(resource, given(limits))),
  };
}

/** Facts and limits travel as text: they stand twice in the state of every resource, which the engine writes at every step. */
function asText(value: unknown): pulumi.Output<string | undefined> {
  const settled: pulumi.Output<unknown> = pulumi.output(value);
  return settled.apply((fields) => {
    const text = fields === undefined ? "{}" : JSON.stringify(fields);
    return text === "{}" ? undefined : text;
  });
}

/** How it plugs guests in goes by its arguments: they are known in previews. One that is looked up has what was found. */
function networkReference(resource: Fields, lifted: Fields): Fields {
  const bridge = lifted["bridge"] ?? resource["bridge"];
  const kind = pulumi
    .output({ mode: resource["mode"], overlay: lifted["overlay"] })
    .apply(({ mode, overlay }) => kindOfNetwork(mode, bridge, overlay));
  return { ...pick(resource, ["uuid", "name"]), kind: pulumi.unsecret(kind), host: lifted["host"] };
}

type NetworkKind = NonNullable<NetworkReference["kind"]>;

/** A bridge of the host that is named nowhere makes macvtap of a network of that mode. */
function kindOfNetwork(mode: unknown, bridge: unknown, overlay: unknown): pulumi.Input<NetworkKind> {
  const said: Fields = isPlain(overlay) ? overlay : {};
  const forward = said["forward"] === null ? { mode: "isolated" } : said["forward"];
  const way = (isPlain(forward) ? forward["mode"] : undefined) ?? mode;
  if (way === "hostdev") return "hostdev";
  if (["private", "vepa", "passthrough"].includes(String(way))) return "macvtap";
  if (way !== "bridge" || isPlain(said["bridge"])) return "bridge";
  if (said["bridge"] === null) return "macvtap";
  const named: pulumi.Output<unknown> = pulumi.output(bridge);
  return named.apply((name) => (name === undefined ? "macvtap" : "bridge"));
}

function volumeReference(resource: Fields, lifted: Fields): Fields {
  const pool = lifted["pool"];
  return { ...pick(resource, ["name", "path", "format"]), pool: field(pool, "uuid"), host: field(pool, "host") };
}

/** Whether the volume is made encrypted: libvirt does not tell that from what a guest makes in it. */
function encryptionOf({ overlay }: Fields): Fields {
  if (overlay === undefined) return {};
  const said: pulumi.Output<unknown> = pulumi.output(overlay);
  const encrypted = said.apply(
    (part) => isPlain(part) && isPlain(part["target"]) && isPlain(part["target"]["encryption"]),
  );
  return { encrypted: pulumi.unsecret(encrypted) };
}

/** A field of a reference, which may be an object of outputs or an output of an object. */
function field(value: unknown, name: string): unknown {
  return isPlain(value) || pulumi.Output.isInstance(value) ? (value as Fields)[name] : undefined;
}

/** Where a preview does not know the whole, what it knows is still worked on, as by Pulumi's look-up of a property. */
function applied(output: unknown, work: (settled: unknown) => unknown): unknown {
  // The second parameter is Pulumi's own, and left out of its types.
  return (output as unknown as { apply(work: (settled: unknown) => unknown, evenUnknown: true): unknown }).apply(
    work,
    true,
  );
}

function pick(resource: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, resource[name]]));
}

/** The class of what would become another or an empty object on its way: Pulumi passes on what `Object.keys` names. */
function lossy(value: unknown): string | undefined {
  if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") return typeof value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  // In tests there are objects of other realms.
  const isOfNoClass = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (isOfNoClass || types.isPromise(value) || pulumi.Output.isInstance(value)) return undefined;
  return Object.keys(value).length === 0 || ArrayBuffer.isView(value) ? value.constructor.name : undefined;
}

function isPlain(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
