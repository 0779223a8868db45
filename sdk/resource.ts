import * as pulumi from "@pulumi/pulumi";
import { leaveOutPromises, showProgramOnly } from "./program-stack";
import { isOurs, lift, refuseOutputIn, remember } from "./references";

leaveOutPromises();

/** An argument that was left out, and stays so. */
const nothing = pulumi.output(undefined);

/** What the generator knows of a class. */
export interface ClassFacts {
  /** Class name, frozen for ever: it is in the type token and in the provider text of every state. */
  readonly type: string;
  /** Properties that an object has whatever its program says: Pulumi gives it only those that it is told of. */
  readonly always: readonly string[];
  /** Arguments without a default: an object has those that its program gives. */
  readonly optional: readonly string[];
  /** Arguments with which an object may have any of the optional ones. */
  readonly givers: readonly string[];
  /** Top-level properties that hold a secret. */
  readonly secrets: readonly string[];
  /** What `up --replace` does unless the program says otherwise: the engine does not ask the provider then. */
  readonly deleteBeforeReplace: boolean;
}

/**
 * Base of all classes. It extends `CustomResource`, not `dynamic.Resource`: the provider text is a constant that
 * loads the installed package, so no closure is captured, an upgrade makes no diff and delete never runs old code.
 */
export abstract class KvmResource extends pulumi.CustomResource {
  protected constructor(facts: ClassFacts, name: string, args: object, options: pulumi.CustomResourceOptions = {}) {
    refuseOutputIn(name, `${facts.type}: its name`);
    // The engine would ask the provider for an object without saying which provider: it fails without a word of use.
    if (options.import !== undefined) {
      throw new pulumi.RunError(
        `${facts.type} "${name}": the option import does not work with a dynamic provider. Take it out, and take over what exists with adopt: true, or a whole host with npx pulumi-kvm import`,
      );
    }
    // The engine would forget what nobody deletes: a pool goes without its volumes, a Host without all that is on it.
    if (options.deletedWith && isOurs(options.deletedWith)) {
      throw new pulumi.RunError(
        `${facts.type} "${name}": the option deletedWith would leave it on the host, for it does not go with another object there. Take it out; where it is to stay there, retainOnDelete: true says so`,
      );
    }
    const type = `pulumi-nodejs:dynamic/kvm:${facts.type}`;
    // In JavaScript they may be missing: the check tells what is required.
    const lifted = lift((args as object | undefined) ?? {}, `${facts.type} "${name}"`);
    // One that is looked up has whatever is found.
    const isOpen = [options.id, options.urn, ...facts.givers.map((argument) => lifted.values[argument])].some(
      (value) => value !== undefined,
    );
    const awaited = [...facts.always, ...(isOpen ? facts.optional : [])];
    let aliases: readonly pulumi.Input<string>[] = [];
    const properties: Record<string, unknown> = Object.fromEntries(awaited.map((property) => [property, undefined]));
    Object.assign(properties, lifted.values, {
      __provider: `exports.handler = () => require("pulumi-kvm/provider").${facts.type};`,
      __meta: metaOf(type, name, lifted.values, options, () => aliases),
      ...(pulumi.runtime.isDryRun() && { __preview: true }),
    });
    const ours = {
      additionalSecretOutputs: [...facts.secrets],
      ...(facts.deleteBeforeReplace && { deleteBeforeReplace: true }),
    };
    const merged = pulumi.mergeOptions(ours, options);
    const restore = showProgramOnly();
    try {
      super(type, name, properties, merged);
    } finally {
      restore();
    }
    // With those that come of its parents; Pulumi's own, and left out of its types.
    aliases = (this as unknown as { readonly __aliases?: readonly pulumi.Input<string>[] }).__aliases ?? [];
    // What Pulumi has to resolve costs a program most of its time: a machine has a hundred arguments, and few are given.
    const absent = facts.optional.filter((property) => !Object.hasOwn(this, property));
    Object.assign(this, Object.fromEntries(absent.map((property) => [property, nothing])));
    remember(this, facts.type, lifted);
  }
}

/** What a dynamic provider is not told by the engine: it travels as a hidden input that takes no part in diff. */
async function metaOf(
  type: string,
  name: string,
  values: object,
  options: pulumi.CustomResourceOptions,
  aliases: () => readonly pulumi.Input<string>[],
): Promise<string> {
  const timeouts = Object.entries(options.customTimeouts ?? {}).map(([kind, text]) => [kind, seconds(String(text))]);
  const urn = plain(pulumi.createUrn(name, type, options.parent));
  const outputs = await outputsIn(values);
  const pathsOf = (isMeant: (output: Settled) => boolean) => {
    const paths = outputs.filter(isMeant).map(({ path }) => pathText(path));
    return paths.length > 0 ? paths : undefined;
  };
  const known = await urn;
  const formers = await Promise.all(aliases().map((alias) => plain(pulumi.output(alias))));
  // One text: the engine works on each property by itself.
  return JSON.stringify({
    organization: organization(),
    urn: known,
    aliases: formers.length > 0 ? formers : undefined,
    timeouts: timeouts.length > 0 ? Object.fromEntries(timeouts) : undefined,
    secretPaths: pathsOf(({ isSecret }) => isSecret),
    // In a preview the engine says so itself.
    unknownPaths: pulumi.runtime.isDryRun() ? undefined : pathsOf(({ isKnown }) => !isKnown),
    ignoreChanges: options.ignoreChanges?.length ? options.ignoreChanges : undefined,
  });
}

/** A test with mocks names no organization unless it wants to; Pulumi throws for it. The engine always names one. */
function organization(): string {
  try {
    return pulumi.getOrganization();
  } catch {
    return "organization";
  }
}

/**
 * The value without what it depends on. The urn of a component stands for all of its children to Pulumi: two of them, of
 * which one refers to the other, would wait for each other for ever.
 */
function plain<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => resolve(value as T));
  });
}

/** An output among the arguments, of which the value is there, or never will be: what it comes from has failed. */
interface Settled {
  readonly path: readonly string[];
  readonly isSecret: boolean;
  readonly isKnown: boolean;
}

async function outputsIn(value: unknown, path: readonly string[] = []): Promise<Settled[]> {
  const settled: unknown = await value;
  if (pulumi.Output.isInstance(settled)) {
    // Pulumi's own, and left out of its types.
    const output = settled as unknown as { readonly isKnown: Promise<boolean>; promise(evenUnknown: true): unknown };
    const own = { path, isSecret: await pulumi.isSecret(settled), isKnown: await output.isKnown };
    return [own, ...(await outputsIn(output.promise(true), path))];
  }
  if (typeof settled !== "object" || settled === null) return [];
  const found = await Promise.all(Object.entries(settled).map(([key, item]) => outputsIn(item, [...path, key])));
  return found.flat();
}

/** A path as Pulumi writes it: a name that would be taken for several stands in quotes. */
function pathText(path: readonly string[]): string {
  return path.reduce((text, name) => {
    if (!/^[^.[\]"]+$/.test(name)) return `${text}["${name.replaceAll('"', '\\"')}"]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** Seconds of a Go duration such as "1h30m". */
function seconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? "s"] ?? 0), 0);
}
