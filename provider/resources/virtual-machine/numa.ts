import { attribute, block, z } from "../../core/attribute";
import { size } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { attributeAt, type ElementLens, oneOf } from "../../schema/lens";
import { child, children, type Element, element } from "../../schema/tree";
import { unitBytes } from "../../schema/units";
import { numberSet } from "../number-set";
import { elementsAt, setAt } from "./host-sets";
import type { LiveOperations } from "./live";

const cellSchema = z.strictObject({
  cpus: numberSet.optional(),
  memory: size,
  memAccess: z.enum(["shared", "private"]).optional(),
  discard: z.boolean().optional(),
  distances: z.array(z.int().min(10).max(254)).min(1).optional(),
});
type Cell = z.infer<typeof cellSchema>;

/** A cell; its distances stand in the order of the cells. */
function readCell(cell: Element): Cell {
  const { cpus, memory = "0", unit = "KiB", memAccess, discard } = cell.attributes;
  const access = (["shared", "private"] as const).find((known) => known === memAccess);
  const table = child(cell, "distances");
  const distances = table && children(table, "sibling").map(({ attributes }) => Number(attributes["value"]));
  return {
    ...(cpus !== undefined && { cpus }),
    memory: formatBytes(BigInt(memory) * (unitBytes[unit] ?? 1024n)),
    ...(access && { memAccess: access }),
    ...(discard !== undefined && { discard: discard === "yes" }),
    ...(distances && { distances }),
  };
}

function writeCell(cell: Cell, id: number): Element {
  const siblings = cell.distances?.map((value, other) =>
    element("sibling", { id: String(other), value: String(value) }),
  );
  const attributes = {
    id: String(id),
    cpus: cell.cpus,
    memory: String(parseBytes(cell.memory) / 1024n),
    unit: "KiB",
    memAccess: cell.memAccess,
    discard: cell.discard === undefined ? undefined : cell.discard ? "yes" : "no",
  };
  return element("cell", attributes, ...(siblings ? [element("distances", {}, ...siblings)] : []));
}

const modes = ["strict", "preferred", "interleave", "restrictive"] as const;
const bindingSchema = z.strictObject({ cell: z.int().min(0), mode: z.enum(modes), nodes: numberSet });
type Binding = z.infer<typeof bindingSchema>;

const modeAt = attributeAt("numatune/memory", "mode");
const nodesAt = setAt(attributeAt("numatune/memory", "nodeset"));

/** libvirt gives nodes a mode, and refuses that mode without them. */
const nodesLens: ElementLens<string> = {
  get: nodesAt.get,
  set(document, value) {
    nodesAt.set(document, value);
    const isChosenByHost = child(document, "numatune/memory")?.attributes["placement"] === "auto";
    if (value === undefined && !isChosenByHost) modeAt.set(document, undefined);
  },
};

/** Cells of the guest, and the host's cells that hold their memory. */
export const numaRows = {
  numa: block({
    doc: "NUMA cells that the guest sees (`<numa>`). Default: none.",
    rows: {
      cells: attribute({
        doc: "Cells, numbered from 0: their vCPUs (`cpus`), `memory`, `memAccess` (shared or private), `discard`, and the `distances` to each cell, 10 to itself (`<cell>`). Default of the distances: those of the host's cells for a guest that is placed (`cpu.policy`, output `placement`), else the kernel's own. The memory of all is `maxMemory`, the vCPUs of all are at most `maxVcpus`.",
        schema: z.array(cellSchema).min(1).max(128),
        change: "restart",
        lens: elementsAt<readonly Cell[]>(
          "cpu/numa",
          "cell",
          (found) => found.map(readCell),
          (cells) => cells.map(writeCell),
        ),
      }),
    },
  }),
  numaTune: block({
    doc: "Cells of the host that hold the guest's memory (`<numatune>`). Default: any.",
    rows: {
      mode: attribute({
        doc: "`strict` (no other cell), `preferred`, `interleave` or `restrictive` (left to the kernel, may change while the guest runs) (`<memory mode>`). Default strict.",
        schema: z.enum(modes).optional(),
        newWords: [{ word: "restrictive", since: "7.3" }],
        change: "restart",
        lens: oneOf(modeAt, modes),
      }),
      nodes: attribute({
        doc: 'Cells of the host, as "0-1" (`<memory nodeset>`). Changes in the running guest with mode restrictive.',
        schema: numberSet.optional(),
        change: (_old, next, { old, next: news }) =>
          next !== undefined && old["mode"] === "restrictive" && news["mode"] === "restrictive"
            ? { class: "live" }
            : { class: "restart", reason: "libvirt moves the memory of a running guest only in mode restrictive" },
        lens: nodesLens,
      }),
      cells: attribute({
        doc: "For single cells of the guest: `cell`, `mode` and `nodes` of the host (`<memnode>`). Default: like the rest.",
        schema: z.array(bindingSchema).min(1).optional(),
        change: "restart",
        lens: elementsAt<readonly Binding[]>(
          "numatune",
          "memnode",
          (found) =>
            found.map(({ attributes }) => ({
              cell: Number(attributes["cellid"]),
              mode: modes.find((known) => known === attributes["mode"]) ?? "strict",
              nodes: attributes["nodeset"] ?? "",
            })),
          (bindings) =>
            bindings.map(({ cell, mode, nodes }) => element("memnode", { cellid: String(cell), mode, nodeset: nodes })),
        ),
      }),
    },
  }),
};

export const numaOperations: LiveOperations = {
  "numaTune.nodes": ({ domain, change }) =>
    domain.setNumaParameters([{ field: "numa_nodeset", type: "string", value: String(change.next) }]),
};
