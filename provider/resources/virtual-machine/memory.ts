import { attribute } from "../../core/attribute";
import { size } from "../../core/quantities";
import { parseBytes } from "../../core/units";
import { sizeAt } from "../document";
import type { LiveOperations } from "./live";

/** Whether the balloon of a guest with these limits reaches `wanted`. */
function within(wanted: unknown, most: unknown): boolean {
  return typeof wanted === "string" && typeof most === "string" && parseBytes(wanted) <= parseBytes(most);
}

export const memoryRows = {
  memory: attribute({
    doc: "Memory of the guest. May be changed in the running guest up to `maxMemory`, by the balloon (`<currentMemory>`).",
    schema: size,
    change: (_old, next, around) =>
      within(next, around.old["maxMemory"]) ? { class: "live" } : { class: "restart", reason: "above maxMemory" },
    lens: sizeAt("currentMemory", "KiB"),
  }),
  maxMemory: attribute({
    doc: "Memory that the guest starts with and the most that it can be given while it runs (`<memory>`). Default: `memory`.",
    schema: size,
    defaults: { 1: ({ inputs }) => inputs["memory"] as string | undefined },
    change: "restart",
    lens: sizeAt("memory", "KiB"),
  }),
};

export const memoryOperations: LiveOperations = {
  memory: ({ domain, change }) => domain.setMemory(parseBytes(String(change.next)) / 1024n),
};
