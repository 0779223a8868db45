import { attribute, block, type Lens, z } from "../../core/attribute";
import { attributeAt, type ElementLens, number, oneOf, words } from "../../schema/lens";
import { child, type Element, remove } from "../../schema/tree";

const stateAt = (path: string) => words(attributeAt(path, "state"), "on", "off");

/** A feature that is on or off. */
function toggle(path: string, doc: string, since?: string) {
  return attribute({
    doc: `${doc} (\`<${path.split("/").join("><")}>\`). Default: not said, which is QEMU's own.`,
    schema: z.boolean().optional(),
    ...(since && { since }),
    change: "restart",
    lens: stateAt(path),
  });
}

/** A feature that is on when it has its value, and absent without. */
function valued<T>(path: string, lens: ElementLens<T>): ElementLens<T> {
  return {
    get: (document) => (stateAt(path).get(document) ? lens.get(document) : undefined),
    set(document, value) {
      if (value === undefined) {
        remove(document, path);
        return;
      }
      stateAt(path).set(document, true);
      lens.set(document, value);
    },
  };
}

/** A part of a feature: libvirt keeps no word of one that is off. */
function part(path: string, doc: string, since?: string) {
  const state = stateAt(path);
  const lens: Lens<boolean, Element> = {
    get: (document, managed) => state.get(document) ?? (managed === false ? false : undefined),
    set(document, value) {
      if (value === true) state.set(document, true);
      else remove(document, path);
    },
  };
  return { ...toggle(path, doc, since), lens };
}

const hyperv = (tag: string, doc: string, since?: string) => toggle(`features/hyperv/${tag}`, doc, since);
const modes = ["custom", "passthrough", "host-model"] as const;

/** With passthrough `<hyperv>` holds no flags. */
const modeLens: ElementLens<(typeof modes)[number]> = {
  get: oneOf(attributeAt("features/hyperv", "mode"), modes).get,
  set(document, value) {
    const found = child(document, "features/hyperv");
    if (found && value === "passthrough") found.children = [];
    attributeAt("features/hyperv", "mode").set(document, value);
  },
};

/** What the hypervisor tells and hides; elements of `<features>`. */
export const hypervisorRows = {
  features: block({
    doc: "What the hypervisor offers the guest beside the hardware (`<features>`). Default: nothing said.",
    rows: {
      hyperv: block({
        doc: "Hyper-V's interfaces, for Windows guests (`<hyperv>`). Default: none.",
        rows: {
          mode: attribute({
            doc: "`custom` takes the flags below, `passthrough` all that the host's kernel has and no flag, `host-model` what libvirt finds there, beside flags of your own (`<hyperv mode>`). Default custom.",
            schema: z.enum(modes).optional(),
            since: "8.0",
            newWords: [{ word: "host-model", since: "11.9" }],
            change: "restart",
            lens: modeLens,
          }),
          relaxed: hyperv("relaxed", "No watchdog timeouts when the host is loaded"),
          vapic: hyperv("vapic", "Fast access to the interrupt controller"),
          spinlocks: attribute({
            doc: "Tries before a waiting vCPU yields, at least 4095 (`<spinlocks retries>`). Default: off.",
            schema: z.int().min(4095).max(4294967295).optional(),
            change: "restart",
            lens: valued("features/hyperv/spinlocks", number(attributeAt("features/hyperv/spinlocks", "retries"))),
          }),
          vpindex: hyperv("vpindex", "Number of the vCPU"),
          runtime: hyperv("runtime", "Time that the vCPU ran"),
          synic: hyperv("synic", "Synthetic interrupt controller; needs vpindex"),
          stimer: hyperv("stimer", "Synthetic timers; needs synic and the timer hypervclock"),
          stimerDirect: part("features/hyperv/stimer/direct", "Timers without a message; needs stimer"),
          reset: hyperv("reset", "Reset of the guest by the hypervisor"),
          vendorId: attribute({
            doc: "Name of the hypervisor, at most 12 bytes (`<vendor_id value>`). Default: Microsoft Hv.",
            schema: z
              .string()
              .regex(/^[^,]+$/, "must be 1 to 12 bytes without a comma")
              .refine((value) => Buffer.byteLength(value) <= 12, "must be 1 to 12 bytes without a comma")
              .optional(),
            change: "restart",
            lens: valued("features/hyperv/vendor_id", attributeAt("features/hyperv/vendor_id", "value")),
          }),
          frequencies: hyperv("frequencies", "Frequencies of TSC and APIC"),
          reenlightenment: hyperv("reenlightenment", "Notice of a new TSC frequency after a migration"),
          tlbflush: hyperv("tlbflush", "TLB flush by the hypervisor; needs vpindex"),
          tlbflushDirect: part(
            "features/hyperv/tlbflush/direct",
            "The same for a guest of the guest's Hyper-V; needs tlbflush and vapic",
            "11.0",
          ),
          tlbflushExtended: part(
            "features/hyperv/tlbflush/extended",
            "TLB flush of single addresses; needs tlbflush",
            "11.0",
          ),
          ipi: hyperv("ipi", "Interrupts between vCPUs by the hypervisor; needs vpindex"),
          evmcs: hyperv("evmcs", "Enlightened VMCS, for Hyper-V in the guest on Intel; needs vapic"),
          avic: hyperv("avic", "Hardware's APIC virtualization together with synic", "8.10"),
          emsrBitmap: hyperv("emsr_bitmap", "Fewer exits over MSRs of guests of the guest's Hyper-V", "10.7"),
          xmmInput: hyperv("xmm_input", "Arguments of hypercalls in XMM registers", "10.7"),
        },
      }),
      kvm: block({
        doc: "What KVM offers (`<kvm>`). Default: nothing said.",
        rows: {
          hidden: toggle("features/kvm/hidden", "Hides KVM from the guest"),
          hintDedicated: toggle(
            "features/kvm/hint-dedicated",
            "Tells that each vCPU has a CPU of its own; needs cpu.mode host-passthrough or maximum",
          ),
          pollControl: toggle("features/kvm/poll-control", "The guest may switch off polling of the host", "6.10"),
          pvIpi: toggle("features/kvm/pv-ipi", "Interrupts between vCPUs by KVM", "7.10"),
          dirtyRing: attribute({
            doc: "Entries of the ring of written pages of each vCPU, a power of two from 1024 to 65536 (`<dirty-ring size>`, libvirt 8.0). Default: off.",
            schema: z
              .int()
              .min(1024)
              .max(65536)
              .refine((value) => (value & (value - 1)) === 0, "must be a power of two")
              .optional(),
            since: "8.0",
            change: "restart",
            lens: valued("features/kvm/dirty-ring", number(attributeAt("features/kvm/dirty-ring", "size"))),
          }),
        },
      }),
      pmu: toggle("features/pmu", "Performance counters"),
      vmport: toggle("features/vmport", "VMware's I/O port"),
    },
  }),
};
