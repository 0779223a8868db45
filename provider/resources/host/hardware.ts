import { formatBytes } from "../../core/units";
import { child, children, type Element, textOf } from "../../schema/tree";
import { enumValues, firmwareIn, guestCpuOf } from "../domain-capabilities";

/** The host's CPU and what of it guests are given. */
export function cpuOf(capabilities: Element, domainCapabilities: Element | undefined) {
  const cpu = child(capabilities, "host/cpu");
  const text = (name: string) => {
    const found = cpu && child(cpu, name);
    return found ? textOf(found) : undefined;
  };
  const [model, vendor] = [text("model"), text("vendor")];
  const features = (cpu ? children(cpu, "feature") : []).flatMap(({ attributes }) => attributes["name"] ?? []);
  const guest = domainCapabilities && guestCpuOf(domainCapabilities);
  return {
    ...(model !== undefined && { model }),
    ...(vendor !== undefined && { vendor }),
    features: features.sort(),
    ...(guest && {
      guestModel: guest.model,
      guestFeatures: [...guest.features].sort(),
      guestLacks: [...guest.lacks].sort(),
    }),
  };
}

/** What of it guests of the host's own architecture can have, as its domain capabilities tell. */
export function offersOf(document: Element) {
  const loader = child(document, "os/loader");
  const values = (path: string, name: string) => enumValues(document, path, name);
  const sev = child(document, "features/sev");
  const sgx = child(document, "features/sgx");
  return {
    firmware: {
      types: firmwareIn(document),
      loaders: loader ? children(loader, "value").map(textOf) : [],
      secureBoot: values("os/loader", "secure").includes("yes"),
    },
    ...(isSupported(child(document, "devices/tpm")) && {
      tpm: {
        models: values("devices/tpm", "model"),
        backends: values("devices/tpm", "backendModel"),
        versions: values("devices/tpm", "backendVersion"),
      },
    }),
    ...(sev &&
      isSupported(sev) && {
        sev: { guests: wholeNumber(child(sev, "maxGuests")), esGuests: wholeNumber(child(sev, "maxESGuests")) },
      }),
    ...(sgx &&
      isSupported(sgx) && { sgx: { size: enclaveSize(sgx), launchControl: text(child(sgx, "flc")) === "yes" } }),
  };
}

function isSupported(element: Element | undefined): boolean {
  return element?.attributes["supported"] === "yes";
}

/** Memory for enclaves; libvirt counts it in KiB. */
function enclaveSize(sgx: Element): string {
  return formatBytes(BigInt(wholeNumber(child(sgx, "section_size"))) * 1024n);
}

function wholeNumber(element: Element | undefined): number {
  return Number(text(element) ?? 0);
}

function text(element: Element | undefined): string | undefined {
  return element && textOf(element);
}
