import { attribute, block, z } from "../../core/attribute";
import { attributeAt, type ElementLens, mapped, number, textAt } from "../../schema/lens";
import { child, ensure, remove, setText, textOf } from "../../schema/tree";
import { count, cpuFeatureRows } from "./cpu-features";
import { cpuPolicyRows } from "./cpu-policy";
import type { LiveOperations } from "./live";

const modes = ["host-passthrough", "host-model", "maximum", "custom"] as const;
type CpuMode = (typeof modes)[number];

/** `<vcpu current='online'>most</vcpu>`; without `current` all are online. */
const onlineLens: ElementLens<number> = {
  get: (document) => number(attributeAt("vcpu", "current")).get(document) ?? number(textAt("vcpu")).get(document),
  set(document, value) {
    number(attributeAt("vcpu", "current")).set(document, value);
  },
};

const mostLens: ElementLens<number> = {
  get: number(textAt("vcpu")).get,
  set(document, value) {
    if (value === undefined) return;
    const vcpu = ensure(document, "vcpu");
    // As many as were online stay so: `vcpus`, written before, may have found what it wants without `current`.
    const online = textOf(vcpu);
    if (online !== "") vcpu.attributes["current"] ??= online;
    setText(vcpu, String(value));
  },
};

const ofMode = ["model", "vendor", "feature"];

/** What goes with one mode means nothing in another, so a new mode starts from an empty element. */
const modeLens: ElementLens<CpuMode> = {
  get: mapped(
    attributeAt("cpu", "mode"),
    (value) => modes.find((mode) => mode === value),
    (value) => value,
  ).get,
  set(document, value) {
    if (value === undefined || child(document, "cpu")?.attributes["mode"] === value) return;
    const cpu = ensure(document, "cpu");
    for (const name of ["mode", "match", "check", "migratable"]) delete cpu.attributes[name];
    cpu.children = cpu.children.filter((node) => !("name" in node && ofMode.includes(node.name)));
    cpu.attributes["mode"] = value;
    if (value === "host-passthrough") Object.assign(cpu.attributes, { check: "none", migratable: "on" });
    // How it is checked stays with libvirt: with KVM a host that lacks what the model has starts no guest.
    if (value === "custom") cpu.attributes["match"] = "exact";
  },
};

const modelLens: ElementLens<string> = {
  get(document) {
    const model = child(document, "cpu/model");
    return model && textOf(model);
  },
  set(document, value) {
    remove(document, "cpu/model");
    if (value === undefined) return;
    const model = ensure(document, "cpu/model");
    model.attributes["fallback"] = "forbid";
    setText(model, value);
  },
};

export const cpuRows = {
  vcpus: attribute({
    doc: "Virtual CPUs online. May be raised in the running guest up to `maxVcpus`; lowered there when the guest gives up what was added. Default 1.",
    schema: count,
    defaults: { 1: 1 },
    change: (old, next, around) => {
      const most = around.old["maxVcpus"];
      if (typeof next !== "number" || typeof old !== "number") return { class: "restart" };
      if (next < old) return { class: "live", reason: "where the guest gives up vCPUs that came after its start" };
      return typeof most === "number" && next <= most
        ? { class: "live" }
        : { class: "restart", reason: "above maxVcpus" };
    },
    lens: onlineLens,
  }),
  maxVcpus: attribute({
    doc: "Most virtual CPUs that the running guest can have. Default: `vcpus`.",
    schema: count,
    defaults: { 1: ({ inputs }) => (inputs["vcpus"] ?? 1) as number },
    change: "restart",
    lens: mostLens,
  }),
  cpu: block({
    doc: "The CPU that the guest sees (`<cpu>`).",
    optional: false,
    rows: {
      mode: attribute({
        doc: "How the model is chosen. Default: `host-passthrough` (migratable) with kvm, `maximum` with qemu.",
        schema: z.enum(modes),
        defaults: { 1: ({ inputs }) => (inputs["virtType"] === "qemu" ? "maximum" : "host-passthrough") },
        change: "restart",
        lens: modeLens,
      }),
      model: attribute({
        doc: "Name of the CPU model, for mode `custom`. With kvm a host that lacks features of it starts no such guest (`<cpu check>` as libvirt chooses it, partial).",
        schema: z
          .string()
          .regex(/^[A-Za-z0-9._-]+$/, 'is not a CPU model like "Skylake-Server"')
          .optional(),
        change: "restart",
        lens: modelLens,
      }),
      ...cpuFeatureRows,
      ...cpuPolicyRows,
    },
  }),
};

export const cpuOperations: LiveOperations = {
  vcpus: ({ domain, change }) => domain.setVcpus(Number(change.next)),
};
