import { attribute, mapOf, z } from "../../core/attribute";
import type { Context } from "../../core/handler";
import { text } from "../../core/quantities";
import { attributeAt, type ElementLens, oneOf, textAt, words } from "../../schema/lens";
import { children, type Element, element } from "../../schema/tree";
import type { Inputs } from "./rows";

const types = ["dynamic", "static", "none"] as const;
const restart = () => ({ class: "restart", reason: "a label is put on the process when it starts" }) as const;

/** A label for each security model of the host; the model is the name. */
const seclabelEntries = {
  list(document: Element): ReadonlyMap<string, Element> {
    return new Map(children(document, "seclabel").map((label) => [label.attributes["model"] ?? "", label]));
  },
  add(document: Element, key: string): Element {
    const label = element("seclabel", { model: key });
    document.children.push(label);
    return label;
  },
  remove(document: Element, key: string): void {
    const found = seclabelEntries.list(document).get(key);
    document.children = document.children.filter((node) => node !== found);
  },
  /** After libvirtd was started anew it shows the labels that it chose as if somebody had asked for them. */
  implied(label: Element): boolean {
    return label.attributes["type"] === "dynamic" && children(label, "baselabel").length === 0;
  },
};

/** libvirt shows in `<label>` what it made up for a dynamic one. */
const labelLens: ElementLens<string> = {
  get: (label) => (label.attributes["type"] === "static" ? textAt("label").get(label) : undefined),
  set: textAt("label").set,
};

/** Says in every run that a guest is confined less than it could be. */
export function warnOfIsolation({ securityLabels }: Pick<Inputs, "securityLabels">, context: Context): void {
  for (const [model, { type, acceptLessIsolation }] of Object.entries(securityLabels)) {
    if (type === "dynamic" || acceptLessIsolation !== true) continue;
    const now = type === "none" ? "not confined" : "confined by a label that other guests may have too";
    context.warn(
      `securityLabels.${model}: ${type} and acceptLessIsolation: the guest is ${now}; one that breaks out may reach what others have. Leave the entry out to get libvirt's own label again`,
    );
  }
}

export const securityRows = {
  securityLabels: mapOf({
    doc: "How the guest's process is confined, by security model of the host: `selinux`, `apparmor`, `dac` (`<seclabel>`). Default: libvirt makes a label of its own for each guest (sVirt). QEMU's seccomp sandbox is on by default and the host's to set (qemu.conf).",
    key: /^(selinux|apparmor|dac)$/,
    change: restart,
    entries: seclabelEntries,
    rows: {
      type: attribute({
        doc: "`dynamic`: a label of the guest's own; `static`: the `label` that you give; `none`: the guest is not confined. The last two must be accepted with `acceptLessIsolation`. Default dynamic.",
        schema: z.enum(types),
        defaults: { 1: "dynamic" },
        change: restart,
        lens: oneOf(attributeAt("", "type"), types),
      }),
      label: attribute({
        doc: 'The static label: a context (selinux), a profile (apparmor), or "user:group", with + before numbers (dac).',
        schema: text.min(1).optional(),
        change: restart,
        lens: labelLens,
      }),
      baseLabel: attribute({
        doc: "What a dynamic label is made from (`<baselabel>`). Default: libvirt's own.",
        schema: text.min(1).optional(),
        change: restart,
        lens: textAt("baselabel"),
      }),
      relabel: attribute({
        doc: "Whether libvirt labels the guest's files for a static label (`relabel`). Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: words(attributeAt("", "relabel"), "yes", "no"),
      }),
      acceptLessIsolation: attribute({
        doc: "Says that a guest that breaks out may reach what others have, which static labels and none allow. Each update warns of it. Default false.",
        schema: z.boolean().optional(),
        change: "none",
      }),
    },
  }),
};
