import { type Element, element, render as renderXml } from "../../schema/tree";
import { applyRows } from "../document";
import { overlay } from "../overlay";
import { clockRows, newTimers } from "./clock";
import { arrange } from "./layout";
import { type Inputs, rows } from "./rows";

/** What every new domain starts from; none of it is managed afterwards. */
function skeleton(): Element {
  const document = element(
    "domain",
    {},
    element("name"),
    element("uuid"),
    element("os", {}, element("type", { arch: "x86_64" }, "hvm")),
    element("features", {}, element("acpi"), element("apic")),
    element("clock", { offset: "utc" }),
    element("devices"),
  );
  applyRows(clockRows, { clock: { timers: newTimers } }, {}, document);
  return document;
}

/** The document of a new domain. */
export function compose(inputs: Inputs): Element {
  const document = composeRows(inputs);
  overlay(document, inputs);
  return document;
}

/** What the rows alone make of the inputs. */
export function composeRows(inputs: Inputs): Element {
  const document = skeleton();
  applyRows(rows, inputs, {}, document);
  arrange(document, inputs);
  return document;
}

export function render(inputs: Inputs): string {
  return renderXml(compose(inputs));
}
