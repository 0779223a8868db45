import { type Element, element, render as renderXml } from "../../schema/tree";
import { applyRows } from "../document";
import { overlay } from "../overlay";
import { arrange } from "./layout";
import { type Inputs, rows } from "./rows";

/** What every new domain starts from; none of it is managed afterwards. */
function skeleton(): Element {
  return element(
    "domain",
    {},
    element("name"),
    element("uuid"),
    element("os", {}, element("type", { arch: "x86_64" }, "hvm")),
    element("features", {}, element("acpi"), element("apic")),
    // Lost ticks are made up for, and the HPET is left out: it costs the host CPU time and no guest needs it.
    element(
      "clock",
      { offset: "utc" },
      element("timer", { name: "rtc", tickpolicy: "catchup" }),
      element("timer", { name: "pit", tickpolicy: "delay" }),
      element("timer", { name: "hpet", present: "no" }),
    ),
    element("devices"),
  );
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
