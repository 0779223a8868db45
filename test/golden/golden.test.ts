import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Handler, Meta, Values } from "../../provider/core/handler";
import { withoutEmpty } from "../../provider/core/maps";
import { cloudInitDisk, render as renderCloudInitDisk } from "../../provider/resources/cloud-init-disk";
import { network } from "../../provider/resources/network";
import { render as renderNetwork } from "../../provider/resources/network/document";
import { storagePool } from "../../provider/resources/storage-pool";
import { render as renderStoragePool } from "../../provider/resources/storage-pool/document";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { render as renderVirtualMachine } from "../../provider/resources/virtual-machine/render";
import { volume } from "../../provider/resources/volume";
import { render as renderVolume } from "../../provider/resources/volume/render";
import { modelOf } from "../../tools/gen-sdk/model";
import { cacheFolder } from "../lab/lab";

/** One folder of cases: arguments in `<case>.json`, the document that they make in `<case>.xml`. */
interface Golden {
  readonly handler: Handler & { readonly definition: Parameters<typeof modelOf>[0] };
  readonly render: (inputs: never) => string;
  /** File of libvirt's schema that every document must satisfy. */
  readonly schema: string;
}

const resources: Readonly<Record<string, Golden>> = {
  "cloud-init-disk": {
    handler: cloudInitDisk,
    render: (inputs) => renderCloudInitDisk(inputs, { iso: Buffer.alloc(376832) }),
    schema: "storagevol.rng",
  },
  network: { handler: network, render: renderNetwork, schema: "network.rng" },
  "storage-pool": { handler: storagePool, render: renderStoragePool, schema: "storagepool.rng" },
  "virtual-machine": { handler: virtualMachine, render: renderVirtualMachine, schema: "domain.rng" },
  volume: { handler: volume, render: (inputs) => renderVolume(inputs), schema: "storagevol.rng" },
};

/** Every set of libvirt's schemas on this machine, with the libvirt that it is of. */
const schemaSets = [
  { folder: "/usr/share/libvirt/schemas", libvirt: packageVersion("/var/lib/dpkg/status") },
  ...debianRoot(join(cacheFolder(), "roots", "trixie")),
];
const regenerate = process.env["UPDATE_GOLDEN"] === "1";

describe.each(Object.entries(resources))("golden documents of %s", (folder, { handler, render, schema }) => {
  const directory = join(__dirname, folder);
  const cases = readdirSync(directory).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5)] : []));

  it.each(cases)("%s", (name) => {
    const args = JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8"));
    const { inputs, failures } = handler.check(args, undefined, metaOf(handler.type));
    expect(failures).toEqual([]);
    expect(unexpected(handler, args, inputs)).toEqual([]);
    const document = render(inputs as never);
    const file = join(directory, `${name}.xml`);
    if (regenerate) writeFileSync(file, document);
    expect(document).toBe(readFileSync(file, "utf8"));
  });

  it.each(schemaSets)("satisfy the schema of libvirt $libvirt", ({ folder: schemas, libvirt }) => {
    // Asserted and not skipped: the set-up installs libvirt, and with it the schemas.
    expect(existsSync(join(schemas, schema))).toBe(true);
    const known = cases.filter((name) => neededBy(name).localeCompare(libvirt, "en", { numeric: true }) <= 0);
    const files = known.map((name) => join(directory, `${name}.xml`));
    execFileSync("xmllint", ["--noout", "--relaxng", join(schemas, schema), ...files], { stdio: "pipe" });
  });
});

/** Properties of the result that the class does not wait for, so that a program could not read them. */
function unexpected(handler: Golden["handler"], args: Values, inputs: Values): string[] {
  const { args: shape, givers } = modelOf(handler.definition);
  if (givers.some((name) => args[name] !== undefined)) return [];
  const always = new Set(shape.properties.flatMap(({ name, always }) => (always ? [name] : [])));
  const state = withoutEmpty(handler.maps, inputs);
  return Object.keys(state).filter((name) => state[name] !== undefined && !always.has(name) && !(name in args));
}

function metaOf(type: string): Meta {
  const urn = `urn:pulumi:dev::golden::pulumi-nodejs:dynamic/kvm:${type}::db`;
  return { organization: "organization", project: "golden", stack: "dev", urn };
}

/** The libvirt whose schema is the first to know the elements of a case, by its name: `throttle-groups-libvirt-11.2`. */
function neededBy(name: string): string {
  return /-libvirt-([\d.]+)$/.exec(name)?.[1] ?? "0";
}

function debianRoot(root: string) {
  const folder = join(root, "usr/share/libvirt/schemas");
  return existsSync(folder) ? [{ folder, libvirt: packageVersion(join(root, "var/lib/dpkg/status")) }] : [];
}

/** Version of libvirt by Debian's list of installed packages. */
function packageVersion(status: string): string {
  const text = readFileSync(status, "utf8");
  return /^Package: libvirt0\n(?:.+\n)*?Version: ([\d.]+)/m.exec(text)?.[1] ?? "0";
}
