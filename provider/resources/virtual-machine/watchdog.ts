import { type Around, attribute, block, type Verdict, z } from "../../core/attribute";
import { attributeAt, type ElementLens, oneOf } from "../../schema/lens";
import type { Element } from "../../schema/tree";
import { unnamedDevices } from "./alias";
import { isPcie } from "./general";
import type { LiveOperations } from "./live";
import { drop, SingleDevice } from "./single-device";

const models = ["i6300esb", "ib700", "itco"] as const;
const actions = ["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] as const;
const alias = "ua-watchdog-main";
const watchdog = new SingleDevice("watchdog", alias);

/**
 * libvirt gives q35 an itco without a name, takes no second one, and has all watchdogs act alike. Once that one is out of
 * the definition it adds it anew where ours is no itco: it then acts as ours does, or resets where there is none.
 */
function renewing<T>(lens: ElementLens<T>): ElementLens<T> {
  return {
    ...lens,
    set(document, value) {
      drop(document, unnamedDevices(document, "watchdog").find(isItco));
      lens.set(document, value);
    },
  };
}

function isItco({ attributes }: Element): boolean {
  return attributes["model"] === "itco";
}

/** Of the three only that of PCI can be plugged, and q35 has no slot of that kind. */
function modelChange(old: unknown, next: unknown, { whole }: Around): Verdict {
  const word = old === undefined ? "added" : next === undefined ? "removed" : undefined;
  const others = [old, next].filter((model) => model !== undefined && model !== "i6300esb");
  if (others.length > 0) return { class: "restart", reason: `the guest is made with its ${others[0]}` };
  if (isPcie(whole["machine"])) return { class: "restart", reason: "a q35 guest has no place to plug it into" };
  return { class: "live", ...(word && { reason: word }) };
}

/** The action comes and goes with the device. */
function actionChange(old: unknown, next: unknown, { old: before, next: after, whole }: Around): Verdict {
  if (old === undefined || next === undefined) return modelChange(before["model"], after["model"], { whole } as Around);
  return { class: "restart", reason: "libvirt changes no action of a running guest" };
}

export const watchdogRows = {
  watchdog: block({
    doc: "Acts when the guest stops feeding it (`<watchdog>`). A q35 guest of libvirt 9.1 or newer has an itco by itself. Default: none.",
    rows: {
      model: attribute({
        doc: "`i6300esb` (PCI), `ib700` (ISA, machine pc), or `itco` (part of q35). The first can be plugged into a running guest of machine pc. Default i6300esb.",
        schema: z.enum(models),
        newWords: [{ word: "itco", since: "9.1" }],
        defaults: { 1: "i6300esb" },
        change: modelChange,
        lens: renewing(watchdog.made(oneOf(attributeAt("", "model"), models))),
      }),
      action: attribute({
        doc: "What happens to the guest then: `reset`, `shutdown`, `poweroff`, `pause`, `none`, `dump` or `inject-nmi`. Default reset.",
        schema: z.enum(actions),
        defaults: { 1: "reset" },
        change: actionChange,
        lens: renewing(watchdog.at(oneOf(attributeAt("", "action"), actions))),
      }),
    },
  }),
};

export const watchdogOperations: LiveOperations = { "watchdog.model": (operation) => operation.plugNamed(alias) };
