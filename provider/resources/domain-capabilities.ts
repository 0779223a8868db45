import { child, children, type Element, textOf } from "../schema/tree";

/** What a guest's CPU of the mode `host-model` is. */
export interface GuestCpu {
  readonly model: string;
  /** Features beyond those of the model. */
  readonly features: readonly string[];
  /** Features of the model that the guest does not get. */
  readonly lacks: readonly string[];
}

/** The values that `<enum name>` lists below a path of a domain capabilities document. */
export function enumValues(document: Element, path: string, name: string): string[] {
  const parent = child(document, path);
  const found = parent && children(parent, "enum").find((item) => item.attributes["name"] === name);
  return found ? children(found, "value").map(textOf) : [];
}

/** Kinds of firmware that guests can have; every host has a BIOS, with a descriptor or without. */
export function firmwareIn(document: Element): string[] {
  return [...new Set(["bios", ...enumValues(document, "os", "firmware")])];
}

export function guestCpuOf(document: Element): GuestCpu | undefined {
  const cpu = child(document, "cpu");
  const mode = cpu && children(cpu, "mode").find(({ attributes }) => attributes["name"] === "host-model");
  const model = mode && child(mode, "model");
  if (!mode || !model) return undefined;
  const named = (policies: readonly string[]) =>
    children(mode, "feature").flatMap(({ attributes }) =>
      policies.includes(attributes["policy"] ?? "") && attributes["name"] !== undefined ? [attributes["name"]] : [],
    );
  return { model: textOf(model), features: named(["require", "force"]), lacks: named(["disable", "forbid"]) };
}

/** Models of libvirt's CPU map that have AMD's virtualization in them; none has Intel's. */
const withSvm = /^(EPYC|Dhyana|Opteron_G[2-9]|phenom)/;

/**
 * Whether guests on KVM may run guests of their own: libvirt gives them the CPU feature where the kernel's module was
 * loaded with nested=1. Undefined without KVM, and for architectures that do it by other means.
 */
export function nestedIn(document: Element): boolean | undefined {
  const [domain, architecture] = [child(document, "domain"), child(document, "arch")];
  const cpu = guestCpuOf(document);
  if (!cpu || !domain || textOf(domain) !== "kvm" || !architecture || textOf(architecture) !== "x86_64")
    return undefined;
  if (cpu.lacks.some((name) => name === "vmx" || name === "svm")) return false;
  return withSvm.test(cpu.model) || cpu.features.some((name) => name === "vmx" || name === "svm");
}

/** How the host can encrypt the memory of guests, by libvirt's names, SEV-ES ("sev-es") among them. */
export function launchSecurityIn(document: Element): string[] {
  const sev = child(document, "features/sev");
  const hasSev = sev?.attributes["supported"] === "yes";
  const guests = hasSev ? child(sev, "maxESGuests") : undefined;
  const types = new Set(enumValues(document, "features/launchSecurity", "sectype"));
  // Older ones than 10.5 know sev only, and do not list the types.
  if (hasSev) types.add("sev");
  if (guests && Number(textOf(guests)) > 0) types.add("sev-es");
  return [...types].sort();
}

/**
 * Guests that the host can encrypt at a time, by the best way that it has: SEV-SNP takes its keys from the set of
 * SEV-ES, plain SEV from another. Undefined where it does not count them (TDX).
 */
export function encryptedGuestsIn(document: Element): number | undefined {
  const types = launchSecurityIn(document);
  if (types.length === 0) return 0;
  const [plain, better] = ["maxGuests", "maxESGuests"].map((name) => child(document, `features/sev/${name}`));
  const count = types.includes("sev-snp") && Number(better && textOf(better)) !== 0 ? better : plain;
  return count && Number(textOf(count));
}
