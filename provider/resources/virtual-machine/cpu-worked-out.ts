import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, children, clone, type Element, element, remove } from "../../schema/tree";
import { nesting } from "./cpu-features";

/** What a guest that was started with a policy may show of the feature; undefined: nothing. */
const shownAs: Readonly<Record<string, readonly (string | undefined)[]>> = {
  require: ["require", "force"],
  force: ["require", "force"],
  optional: ["optional", "require", "disable", undefined],
  disable: ["disable", "forbid", undefined],
  forbid: ["disable", "forbid", undefined],
};

/**
 * The running guest with the CPU of its definition, as far as it may have been started with that. libvirt shows what it
 * has worked out: 9.0 the model that it chose for `host-model`, all what became of `optional`, and features of its own.
 */
export function withDefinedCpu(running: Element, config: Element): Element {
  const [defined, shows] = [config, running].map((document) => child(document, "cpu"));
  if (!defined || !shows) return running;
  const isChosen = isHostModel(shows) && !isHostModel(defined);
  if (!isChosen && !hasFeatures(config)) return running;
  const cpu = clone(shows);
  if (isChosen) {
    cpu.attributes["mode"] = "host-model";
    remove(cpu, "model");
  }
  if (hasFeatures(config)) {
    const others = cpu.children.filter((node) => !("name" in node && node.name === "feature"));
    cpu.children = [...others, ...asDefined(children(defined, "feature"), policiesIn(running))];
  }
  return { ...running, children: running.children.map((node) => (node === shows ? cpu : node)) };
}

/** The model that libvirt chose for `host-model`: the one that brings its vendor, which no definition of ours says. */
function isHostModel(cpu: Element): boolean {
  return cpu.attributes["mode"] === "custom" && child(cpu, "vendor") !== undefined;
}

/** The features of a definition, with another policy where the guest shows what that does not come to. */
function asDefined(features: readonly Element[], policies: ReadonlyMap<string, string>): Element[] {
  return features.flatMap(({ attributes }) => {
    const { name = "", policy = "require" } = attributes;
    const shown = policies.get(name);
    const now = shownAs[policy]?.includes(shown) ? policy : shown;
    return now === undefined ? [] : element("feature", { policy: now, name });
  });
}

/**
 * What has changed of the CPU, and the guest may run with as before: all that it shows may be what libvirt works out of
 * the new definition too.
 */
export function hiddenInCpu(before: Values, wanted: Values, running: Element, config: Element): string[] {
  // Without features in the definition the guest shows all that it has.
  if (!hasFeatures(config)) return [];
  const [old, next] = [cpuOf(before), cpuOf(wanted)];
  const policies = policiesIn(running);
  const runs = (name: string, policy: string) => policies.has(name) && shownAs[policy]?.includes(policies.get(name));
  const gone = Object.entries(old.features ?? {}).filter(([name]) => next.features?.[name] === undefined);
  const isNestedGone = old.nested !== undefined && next.nested === undefined;
  const nestedRuns = nesting.some((name) => runs(name, old.nested ? "optional" : "disable"));
  return [
    ...(gone.some(([name, policy]) => runs(name, policy)) ? ["cpu.features"] : []),
    ...(isNestedGone && nestedRuns ? ["cpu.nested"] : []),
  ];
}

interface Cpu {
  readonly nested?: boolean;
  readonly features?: Readonly<Record<string, string>>;
}

function cpuOf({ cpu }: Values): Cpu {
  return isPlainObject(cpu) ? cpu : {};
}

function hasFeatures(document: Element): boolean {
  return child(document, "cpu/feature") !== undefined;
}

function policiesIn(document: Element): ReadonlyMap<string, string> {
  const cpu = child(document, "cpu");
  const features = cpu ? children(cpu, "feature") : [];
  return new Map(features.map(({ attributes }) => [attributes["name"] ?? "", attributes["policy"] ?? "require"]));
}
