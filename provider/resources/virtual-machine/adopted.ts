import type { Values } from "../../core/handler";
import { claimRows } from "../claim";
import type { Domain } from "./domain";
import { rows } from "./rows";

/**
 * Devices of an adopted domain have no names of ours before the first change writes them, nor in a guest that was
 * started before that: they are read under the names that these inputs give them, the first that fit.
 */
export function nameDevices(domain: Domain, state: Values, ...inputs: readonly Values[]): void {
  if (state["adopted"] !== true) return;
  domain.nameDevices((document) => {
    for (const values of inputs) claimRows(rows, values, document);
  });
}
