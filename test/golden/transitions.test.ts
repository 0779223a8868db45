import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { diffRows } from "../../provider/core/diff";
import type { Values } from "../../provider/core/handler";
import { readRows } from "../../provider/resources/document";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { applyInputs } from "../../provider/resources/virtual-machine/apply";
import { compose } from "../../provider/resources/virtual-machine/render";
import { type Inputs, rows } from "../../provider/resources/virtual-machine/rows";
import { child, clone, type Element, textOf } from "../../provider/schema/tree";

/** A machine that an update makes into another one is what that one is when it is made anew. */
const folder = join(__dirname, "virtual-machine");
const meta = {
  organization: "organization",
  project: "golden",
  stack: "test",
  urn: "urn:pulumi:test::golden::pulumi-nodejs:dynamic/kvm:VirtualMachine::db",
};
const cases = readdirSync(folder).flatMap((file) => {
  const name = /^(.+)\.json$/.exec(file)?.[1];
  if (name === undefined) return [];
  const args = JSON.parse(readFileSync(join(folder, file), "utf8")) as Values;
  const inputs = virtualMachine.check(args, undefined, meta).inputs as unknown as Inputs & Values;
  const document = asShown(compose(inputs));
  return [{ name, inputs, document, shown: readRows(rows, inputs, document) }];
});
/** Each third of the others, another third for the next: all pairs take minutes. */
const pairs = 3;

/** As libvirt shows it: it does not say how many vCPUs are online when all are. */
function asShown(document: Element): Element {
  const vcpu = child(document, "vcpu");
  if (vcpu && vcpu.attributes["current"] === textOf(vcpu)) delete vcpu.attributes["current"];
  return document;
}

test.each(cases.map((one, index) => ({ ...one, index })))(
  "$name becomes others",
  ({ index, inputs: olds, document }) => {
    const wrong = cases.flatMap(({ name, inputs, shown }, other) => {
      if ((index + other) % pairs !== 0) return [];
      const made = applyInputs(clone(document), inputs, olds);
      return diffRows(rows, readRows(rows, inputs, made), shown)
        .filter(({ class: kind }) => kind !== "none")
        .map(
          ({ property, old, next }) => `${name}: ${property} is ${JSON.stringify(old)}, not ${JSON.stringify(next)}`,
        );
    });
    expect(wrong).toEqual([]);
  },
);
