import { attribute, block, z } from "../../core/attribute";
import { attributeAt, oneOf } from "../../schema/lens";
import { SingleDevice } from "./single-device";

const models = ["i6300esb", "ib700", "itco"] as const;
const actions = ["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] as const;
const watchdog = new SingleDevice("watchdog", "ua-watchdog-main");

export const watchdogRows = {
  watchdog: block({
    doc: "Acts when the guest stops feeding it (`<watchdog>`). A q35 guest of libvirt 9.1 or newer has an itco by itself. Default: none.",
    rows: {
      model: attribute({
        doc: "`i6300esb` (PCI), `ib700` (ISA), or `itco` (part of q35, libvirt 9.1). Default i6300esb.",
        schema: z.enum(models),
        defaults: { 1: "i6300esb" },
        change: () => ({ class: "restart", reason: "a q35 guest has no place to plug it into" }),
        lens: watchdog.made(oneOf(attributeAt("", "model"), models)),
      }),
      action: attribute({
        doc: "What happens to the guest then: `reset`, `shutdown`, `poweroff`, `pause`, `none`, `dump` or `inject-nmi`. Default reset.",
        schema: z.enum(actions),
        defaults: { 1: "reset" },
        change: () => ({ class: "restart", reason: "libvirt changes no action of a running guest" }),
        lens: watchdog.at(oneOf(attributeAt("", "action"), actions)),
      }),
    },
  }),
};
