import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Meta, Values } from "../../provider/core/handler";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { toObject } from "../../provider/schema/object";
import { parse } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";

/** Every golden machine is taken by the libvirt that its name says, 9.0 without one, and refused for the one before. */
const folder = join(__dirname, "virtual-machine");
const cases = readdirSync(folder).flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []);
const oldest = "9.0";
const neededBy = (name: string) => /-libvirt-([\d.]+)$/.exec(name)?.[1] ?? oldest;

function numberOf(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1_000_000 + minor * 1000;
}

/** What is refused for a host with that libvirt, which has all else. */
function faultsOn(name: string, libvirt: number): string[] {
  const args = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Values & { host: Values };
  const facts = JSON.stringify({ libvirt, virtTypes: ["kvm", "qemu"], launchSecurity: ["sev", "sev-snp", "tdx"] });
  const urn = "urn:pulumi:dev::golden::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
  const meta: Meta = { organization: "organization", project: "golden", stack: "dev", urn };
  const { failures } = virtualMachine.check({ ...args, host: { ...args.host, facts } }, undefined, meta);
  return failures.map(({ property, reason }) => `${property}: ${reason}`);
}

test.each(cases)("%s needs no newer libvirt than it says", (name) => {
  const libvirt = numberOf(neededBy(name));
  expect(faultsOn(name, libvirt)).toEqual([]);
  // What the schemas of 9.0 do not know is at the latest in those of 11.3; what came later they do not know at all.
  const document = toObject(parse(readFileSync(join(folder, `${name}.xml`), "utf8")));
  const kinds = libvirt <= numberOf("11.3") ? ["name", "word", "value", "missing", "version"] : ["version"];
  const faults = validate("domain", document, libvirt === numberOf(oldest) ? { libvirt } : {});
  expect(faults.filter(({ kind }) => kinds.includes(kind))).toEqual([]);
});

const newer = cases.filter((name) => neededBy(name) !== oldest);

test.each(newer)("%s is refused for the libvirt before", (name) => {
  const before = numberOf(neededBy(name)) - 1;
  const faults = faultsOn(name, before);
  expect(faults.join("\n")).toMatch(/libvirt/);
  expect(faults.filter((fault) => !/libvirt/.test(fault))).toEqual([]);
});
