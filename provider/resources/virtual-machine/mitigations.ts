import type { Context } from "../../core/handler";
import type { Libvirt } from "../../libvirt/api";
import { parseAnswer } from "../../schema/answer";
import { child, children, type Element, element, render } from "../../schema/tree";
import { unlessRefused } from "../failure";
import type { Inputs } from "./rows";

/** Features by which a guest's kernel protects itself from what other code on the core can see, in libvirt's names. */
const mitigations = [
  ...["spec-ctrl", "stibp", "ssbd", "md-clear", "flush-l1d", "pcid", "arch-capabilities", "bhi-ctrl", "rfds-clear"],
  ...["ibpb", "ibrs", "amd-ssbd", "amd-stibp", "virt-ssbd", "tsx-ctrl"],
];

/** VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES */
const expandFeatures = 1;

/** Says which protections of its host a guest with a named CPU model goes without. */
export async function warnOfMitigations(libvirt: Libvirt, inputs: Inputs, context: Context): Promise<void> {
  const { cpu } = inputs;
  if (cpu?.mode !== "custom" || cpu.model === undefined) return;
  const step = { step: `compare cpu.model of VirtualMachine ${inputs.name} with its host`, host: inputs.host.uri };
  // A model that libvirt does not know is refused by it at once, in its own words.
  const lacking = await unlessRefused(
    step,
    () => lackingIn(libvirt, inputs, cpu),
    () => [],
  );
  if (lacking.length === 0) return;
  const wanted = lacking.map((name) => `"${name}": "require"`).join(", ");
  context.warn(
    `cpu.model: ${cpu.model} lacks ${lacking.join(", ")}, by which a guest on this host protects itself from side channels; add cpu.features: { ${wanted} }, or use mode: "host-model"`,
  );
}

type Cpu = NonNullable<Inputs["cpu"]>;

async function lackingIn(libvirt: Libvirt, { machine, virtType }: Inputs, cpu: Cpu): Promise<readonly string[]> {
  const where = { arch: "x86_64", machine, virttype: virtType };
  const { capabilities } = await libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", {
    ...where,
    emulatorbin: undefined,
    flags: 0,
  });
  const offered = child(parseAnswer(capabilities), "cpu");
  const hosts = (offered ? children(offered, "mode") : []).find(
    ({ attributes }) => attributes["name"] === "host-model" && attributes["supported"] === "yes",
  );
  if (!hosts) return [];
  const features = Object.entries(cpu.features ?? {}).map(([name, policy]) => element("feature", { name, policy }));
  const named = [element("model", { fallback: "forbid" }, cpu.model ?? ""), ...features];
  const [has, offers] = await Promise.all([
    featuresOf(libvirt, where, named),
    featuresOf(libvirt, where, children(hosts)),
  ]);
  return mitigations.filter((name) => offers.has(name) && !has.has(name));
}

/** Every feature of a CPU of that model with these features. */
export async function featuresOf(
  libvirt: Libvirt,
  where: { readonly arch: string; readonly machine: string; readonly virttype: string },
  parts: readonly Element[],
): Promise<ReadonlySet<string>> {
  const { cpu } = await libvirt.call("CONNECT_BASELINE_HYPERVISOR_CPU", {
    ...where,
    emulator: undefined,
    xmlCPUs: [render(element("cpu", { mode: "custom", match: "exact" }, ...parts))],
    flags: expandFeatures,
  });
  const found = children(parseAnswer(cpu), "feature").filter(({ attributes }) => attributes["policy"] !== "disable");
  return new Set(found.map(({ attributes }) => attributes["name"] ?? ""));
}
