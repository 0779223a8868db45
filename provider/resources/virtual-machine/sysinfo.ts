import { attribute, z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import type { ElementLens } from "../../schema/lens";
import { child, children, type Element, element, ensure, remove, render, textOf } from "../../schema/tree";
import type { LiveOperations } from "./live";

const word = text.min(1).optional();
const named = <K extends string>(names: readonly K[]) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, word])) as Record<K, typeof word>).optional();
/** Month, day and year as libvirt reads them: the year in full, or its last two digits. */
function isDate(text: string): boolean {
  const [month = 0, day = 0, year = 0] = /^ *\+?\d+\/ *\+?\d+\/ *\+?\d+$/.test(text) ? text.split("/").map(Number) : [];
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (year < 100 || year >= 1900);
}

const smbiosSchema = z.strictObject({
  mode: z.enum(["sysinfo", "host", "emulate"]).default("sysinfo"),
  bios: named(["vendor", "version", "date", "release"]).refine(
    (bios) => bios?.date === undefined || isDate(bios.date),
    { path: ["date"], error: 'must be month/day/year, as "04/01/2014"' },
  ),
  system: named(["manufacturer", "product", "version", "serial", "sku", "family"]),
  baseBoard: named(["manufacturer", "product", "version", "serial", "asset", "location"]),
  chassis: named(["manufacturer", "version", "serial", "asset", "sku"]),
  oemStrings: z.array(text.min(1)).min(1).optional(),
});
type Smbios = z.infer<typeof smbiosSchema>;
const blocks = ["bios", "system", "baseBoard", "chassis"] as const;

function sysinfoOf(document: Element, type: "smbios" | "fwcfg"): Element | undefined {
  return children(document, "sysinfo").find((found) => found.attributes["type"] === type);
}

function replaceSysinfo(
  document: Element,
  type: "smbios" | "fwcfg",
  inside: readonly Element[],
  isNeeded = inside.length > 0,
): void {
  const found = sysinfoOf(document, type);
  document.children = document.children.filter((node) => node !== found);
  if (isNeeded) document.children.push(element("sysinfo", { type }, ...inside));
}

const smbiosLens: ElementLens<Smbios> = {
  get(document) {
    const mode = smbiosSchema.shape.mode.safeParse(child(document, "os/smbios")?.attributes["mode"]);
    if (!mode.success || child(document, "os/smbios") === undefined) return undefined;
    const found = sysinfoOf(document, "smbios");
    const entries = (name: string) => {
      const parent = found && child(found, name);
      return parent ? children(parent, "entry") : [];
    };
    const seen = blocks.map((name) => [
      name,
      Object.fromEntries(
        entries(name).flatMap((entry) =>
          // libvirt adds the domain's own uuid, which is no string of the program.
          entry.attributes["name"] === "uuid" ? [] : [[entry.attributes["name"], textOf(entry)]],
        ),
      ),
    ]);
    const oemStrings = entries("oemStrings").map(textOf);
    const given = seen.filter(([, values]) => Object.keys(values ?? {}).length > 0);
    return { mode: mode.data, ...Object.fromEntries(given), ...(oemStrings.length > 0 && { oemStrings }) };
  },
  set(document, value) {
    remove(document, "os/smbios");
    if (value) ensure(document, "os/smbios").attributes["mode"] = value.mode;
    const named = blocks.flatMap((name) => {
      const entries = Object.entries(value?.[name] ?? {}).flatMap(([key, item]) =>
        item === undefined ? [] : [element("entry", { name: key }, item)],
      );
      return entries.length > 0 ? [element(name, {}, ...entries)] : [];
    });
    const oem = (value?.oemStrings ?? []).map((item) => element("entry", {}, item));
    const inside = [...named, ...(oem.length > 0 ? [element("oemStrings", {}, ...oem)] : [])];
    // A guest of this mode does not start without, even where there is nothing to say.
    replaceSysinfo(document, "smbios", inside, inside.length > 0 || value?.mode === "sysinfo");
  },
};

/** libvirt (seen in 9.0 and 11.3) escapes these for XML on QEMU's command line, where a comma starts an option. */
const isPlain = (value: string) => !/[<>&"',]/.test(value);
const garbled = (remedy: string) => `must have no comma and none of < > & " ' for libvirt garbles them; ${remedy}`;

const fwCfgSchema = z.record(
  z.string().regex(/^opt\/[!-~]{1,51}$/, 'must start with "opt/", have at most 55 characters and no blank'),
  z.union([
    z.strictObject({ value: text.min(1).refine(isPlain, garbled("give a file of the host, { file: PATH }")) }),
    z.strictObject({ file: hostPath.refine(isPlain, garbled("rename the file")) }),
  ]),
);
type FwCfg = z.infer<typeof fwCfgSchema>;

const fwCfgLens: ElementLens<FwCfg> = {
  get(document) {
    const found = sysinfoOf(document, "fwcfg");
    if (!found) return undefined;
    return Object.fromEntries(
      children(found, "entry").map((entry) => {
        const { name = "", file } = entry.attributes;
        return [name, file === undefined ? { value: textOf(entry) } : { file }];
      }),
    );
  },
  set(document, value) {
    const entries = Object.entries(value ?? {}).map(([name, item]) =>
      "file" in item ? element("entry", { name, file: item.file }) : element("entry", { name }, item.value),
    );
    replaceSysinfo(document, "fwcfg", entries);
  },
};

const osinfoUri = "http://libosinfo.org/xmlns/libvirt/domain/1.0";
const osinfoLens: ElementLens<string> = {
  get(document) {
    const found = child(document, "metadata");
    const osinfo = found && children(found).find((item) => isOsinfo(item));
    return osinfo && children(osinfo).find(({ name }) => name.endsWith(":os"))?.attributes["id"];
  },
  set(document, value) {
    const metadata = child(document, "metadata");
    if (metadata) metadata.children = metadata.children.filter((node) => !("name" in node && isOsinfo(node)));
    if (value === undefined) return;
    ensure(document, "metadata").children.push(osinfoElement(value));
  },
};

function osinfoElement(id: string): Element {
  return element("libosinfo:libosinfo", { "xmlns:libosinfo": osinfoUri }, element("libosinfo:os", { id }));
}

function isOsinfo({ name, attributes }: Element): boolean {
  return name === "libosinfo:libosinfo" && attributes["xmlns:libosinfo"] === osinfoUri;
}

/** What firmware and tools tell of the machine. */
export const sysinfoRows = {
  smbios: attribute({
    doc: "What the guest's firmware tables say (`<sysinfo type='smbios'>`, `<smbios mode>`): strings of `bios`, `system`, `baseBoard` and `chassis`, and `oemStrings`; `mode: \"host\"` shows those of the host. Default: QEMU's own.",
    schema: smbiosSchema.optional(),
    change: "restart",
    lens: smbiosLens,
  }),
  fwCfg: attribute({
    doc: "Values for the guest at its start (`<sysinfo type='fwcfg'>`), each a `value` or a `file` of the host, under names that start with \"opt/\". libvirt garbles commas, quotes, `<`, `>` and `&` of a value, so that JSON such as Ignition (opt/com.coreos/config) must be a `file`. Default: none.",
    schema: fwCfgSchema.optional(),
    secret: true,
    since: "6.5",
    change: "restart",
    lens: fwCfgLens,
  }),
  osinfo: attribute({
    doc: 'Which system runs in it, by its libosinfo id such as "http://debian.org/debian/12", for tools that show it (`<metadata>`). Default: none.',
    schema: z.url("is not an id of libosinfo, which is a URL").optional(),
    change: () => ({ class: "live" }),
    lens: osinfoLens,
  }),
};

export const sysinfoOperations: LiveOperations = {
  osinfo: ({ domain, change }) =>
    domain.setMetadataElement(
      // libvirt adds prefix and namespace itself, to all that is inside.
      change.next === undefined
        ? undefined
        : render(element("libosinfo", {}, element("os", { id: String(change.next) }))),
      "libosinfo",
      osinfoUri,
    ),
};
