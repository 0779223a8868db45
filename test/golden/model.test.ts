import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toElement, toObject } from "../../provider/schema/object";
import { equal, parse } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";

/** Every place that a row writes is one that the model of libvirt's documents knows: in `overlay` it has the same name. */
const folders = ["cloud-init-disk", "network", "storage-pool", "virtual-machine", "volume"];
const cases = folders.flatMap((folder) =>
  readdirSync(join(__dirname, folder)).flatMap((file) => (file.endsWith(".xml") ? [join(folder, file)] : [])),
);

test.each(cases)("%s is wholly known to the model", (file) => {
  const document = parse(readFileSync(join(__dirname, file), "utf8"));
  const object = toObject(document);
  expect(JSON.stringify(object)).not.toMatch(/"\$(xml|attrs|text)":/);
  expect(equal(toElement(document.name, object), document)).toBe(true);
  expect(validate(document.name, object)).toEqual([]);
});

const oldest = 9_000_000;
const elsewhere = cases.filter((file) => !file.startsWith("virtual-machine/") && !file.includes("-libvirt-"));

test.each(elsewhere)("%s is known to libvirt 9.0", (file) => {
  const document = parse(readFileSync(join(__dirname, file), "utf8"));
  expect(validate(document.name, toObject(document), { libvirt: oldest })).toEqual([]);
});
