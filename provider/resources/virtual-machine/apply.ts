import type { Values } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { applyRows } from "../document";
import { overlay, withdraw } from "../overlay";
import { renewBesideScreens } from "./beside-screens";
import { renewTimers } from "./clock";
import { renewIoApic } from "./iommu";
import { arrange } from "./layout";
import { composeRows } from "./render";
import { type Inputs, rows } from "./rows";

/** Writes all that the inputs manage into an existing definition, of a guest that may be running; whatever they do not name stays. */
export function applyInputs(document: Element, inputs: Inputs, olds: Values, live?: Element): Element {
  withdraw(document, olds, inputs, () => composeRows(inputs));
  applyRows(rows, inputs, olds, document);
  renewTimers(document, inputs, olds);
  renewBesideScreens(document, inputs, olds);
  renewIoApic(document, inputs, olds);
  arrange(document, inputs, live);
  overlay(document, inputs);
  return document;
}
