import { attribute, z } from "../../core/attribute";
import type { ElementLens } from "../../schema/lens";
import { textAt } from "../../schema/lens";
import type { Element } from "../../schema/tree";
import type { LiveOperation, LiveOperations } from "./live";
import { fault, type MachineRule } from "./rule-entries";
import type { RunningDomain } from "./running-domain";

/** virDomainLifecycleAction, by number. */
const actions = ["destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"] as const;
type Action = (typeof actions)[number];

function actionAt(name: string): ElementLens<Action> {
  const lens = textAt(name);
  return {
    get(document) {
      const found = lens.get(document);
      return actions.find((action) => action === found);
    },
    set: (document, value) => lens.set(document, value),
  };
}

export const lifecycleActionRows = {
  onPoweroff: attribute({
    doc: "What libvirt does when the guest shuts itself down: `destroy` leaves it off, `restart` starts it anew (`<on_poweroff>`, virDomainSetLifecycleAction). libvirt's default is destroy.",
    schema: z.enum(["destroy", "restart"]).optional(),
    change: "live",
    lens: actionAt("on_poweroff"),
  }),
  onReboot: attribute({
    doc: "What libvirt does when the guest reboots: `restart` or `destroy`, which leaves it off (`<on_reboot>`, virDomainSetLifecycleAction). libvirt's default is restart.",
    schema: z.enum(["destroy", "restart"]).optional(),
    change: "live",
    lens: actionAt("on_reboot"),
  }),
  onCrash: attribute({
    doc: "What libvirt does when the guest's kernel crashes: `destroy`, `restart`, `preserve` it for a look, or write a dump of its memory first with `coredump-destroy` or `coredump-restart` (`<on_crash>`, virDomainSetLifecycleAction). libvirt's default is destroy.",
    schema: z.enum(["destroy", "restart", "preserve", "coredump-destroy", "coredump-restart"]).optional(),
    change: "live",
    lens: actionAt("on_crash"),
  }),
};

/** libvirt refuses a guest that starts anew when it shuts itself down, and stays off when it reboots. */
export const lifecycleActionRule: MachineRule = {
  needs: [],
  check: ({ onPoweroff, onReboot }) =>
    onPoweroff === "restart" && onReboot === "destroy"
      ? [fault("onReboot", 'must be "restart" where onPoweroff is: libvirt has no other such guest')]
      : [],
};

/** virDomainLifecycle, by number. */
const lifecycle = { onPoweroff: 0, onReboot: 1, onCrash: 2 } as const;

const poweroff = actionAt("on_poweroff");

/** What libvirt does when the guest of the document shuts itself down. */
export function poweroffIn(document: Element): Action {
  return poweroff.get(document) ?? "destroy";
}

/** Sets that of the running guest. */
export async function setPoweroff(domain: RunningDomain, action: Action): Promise<void> {
  await domain.setLifecycleAction(lifecycle.onPoweroff, actions.indexOf(action));
}

/** Taken out of the program it is libvirt's own again. Of the two that the rule ties, the one that makes room is first. */
function setAction(name: keyof typeof lifecycle): LiveOperation {
  const usual: Action = name === "onReboot" ? "restart" : "destroy";
  return async ({ domain, change }) => {
    const next = (change.next ?? usual) as Action;
    const set = (which: keyof typeof lifecycle, action: Action) =>
      domain.setLifecycleAction(lifecycle[which], actions.indexOf(action));
    if (name === "onPoweroff" && next === "restart") await set("onReboot", next);
    if (name === "onReboot" && next === "destroy") await set("onPoweroff", next);
    await set(name, next);
  };
}

export const lifecycleActionOperations: LiveOperations = {
  onPoweroff: setAction("onPoweroff"),
  onReboot: setAction("onReboot"),
  onCrash: setAction("onCrash"),
};
