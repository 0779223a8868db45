import { attribute, z } from "../../core/attribute";
import type { ElementLens } from "../../schema/lens";
import { textAt } from "../../schema/lens";
import type { LiveOperation, LiveOperations } from "./live";

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

/** `type` is virDomainLifecycle: 0 power-off, 1 reboot, 2 crash. Taken out of the program it is libvirt's own again. */
function setAction(type: 0 | 1 | 2): LiveOperation {
  const usual: Action = type === 1 ? "restart" : "destroy";
  return ({ domain, change }) => domain.setLifecycleAction(type, actions.indexOf((change.next ?? usual) as Action));
}

export const lifecycleActionOperations: LiveOperations = {
  onPoweroff: setAction(0),
  onReboot: setAction(1),
  onCrash: setAction(2),
};
