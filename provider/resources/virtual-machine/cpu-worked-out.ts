import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import { child, children, clone, type Element, element, remove, textOf } from "../../schema/tree";
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
 * has worked out: the model that it chose for `host-model`, what became of `optional`, and features of its own.
 */
export function withDefinedCpu(running: Element, config: Element): Element {
  const [defined, shows] = [config, running].map((document) => child(document, "cpu"));
  if (!defined || !shows) return running;
  const isChosen = defined.attributes["mode"] === "host-model" && shows.attributes["mode"] === "custom";
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
  const [old, next] = [cpuOf(before), cpuOf(wanted)];
  const chosen = [old, next].some(({ mode }) => mode === "host-model");
  const custom = [old, next].find(({ mode }) => mode === "custom");
  const model = child(running, "cpu/model");
  const isOther = chosen && custom !== undefined && model !== undefined && custom.model === textOf(model);
  const policies = policiesIn(running);
  const runs = (name: string, policy: string) => policies.has(name) && shownAs[policy]?.includes(policies.get(name));
  const gone = Object.entries(old.features ?? {}).filter(([name]) => next.features?.[name] === undefined);
  const isNestedGone = old.nested !== undefined && next.nested === undefined;
  const nestedRuns = nesting.some((name) => runs(name, old.nested ? "optional" : "disable"));
  // Without features in the definition the guest shows all that it has.
  const hidden = hasFeatures(config)
    ? [
        ...(gone.some(([name, policy]) => runs(name, policy)) ? ["cpu.features"] : []),
        ...(isNestedGone && nestedRuns ? ["cpu.nested"] : []),
      ]
    : [];
  return [...(isOther ? ["cpu.mode"] : []), ...hidden];
}

interface Cpu {
  readonly mode?: string;
  readonly model?: string;
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
