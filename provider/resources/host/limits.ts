import { attribute, type StateOf, z } from "../../core/attribute";
import type { Fault } from "../../core/check";
import type { Rule } from "../../core/definition";
import { size } from "../../core/quantities";
import { parseBytes } from "../../core/units";
import { parseCpuSet } from "../../tuning/cpu-set";
import { type DeclaredLimits, type DeclaredPages, maxLimits } from "../host-limits";
import { numberSet } from "../number-set";

const cell = z.int().min(0, "is the number of a cell of the host, from 0 on");

/** No architecture has others: 64 KiB (Arm) to 16 GiB (Arm, POWER), by powers of two. */
const pageSize = size.refine((text) => {
  const bytes = parseBytes(text);
  return bytes >= 2n ** 16n && bytes <= 2n ** 34n && (bytes & (bytes - 1n)) === 0n;
}, 'is no size of a huge page; x86 has "2 MiB" and "1 GiB"');

/** Entries for single cells or for each; the order that they are written in says nothing. */
export const pageCounts = z
  .array(
    z.strictObject({
      cell: cell.optional(),
      size: pageSize,
      count: z
        .int()
        .min(1)
        .max(2 ** 31),
    }),
  )
  .min(1)
  .transform((pages): DeclaredPages[] =>
    [...pages].sort(
      (a, b) => Number(parseBytes(a.size) - parseBytes(b.size)) || (a.cell ?? -1) - (b.cell ?? -1) || a.count - b.count,
    ),
  )
  .superRefine((pages, context) => {
    pages.forEach((page, index) => {
      const other = pages.findIndex(
        (item) =>
          item.size === page.size && (item.cell === undefined || page.cell === undefined || item.cell === page.cell),
      );
      if (other < index) {
        const where = page.cell === undefined ? "each cell" : `cell ${page.cell}`;
        const message = `${page.size} in ${where}: another entry says the same pool; write one for each cell, or one for all`;
        context.addIssue({ code: "custom", message });
      }
    });
  });

const reservedMemory = z
  .union([size, z.record(z.string().regex(/^\d+$/), size)], {
    error: 'expected a size such as "4 GiB", or one for each cell by its number: { "0": "8 GiB", "1": "2 GiB" }',
  })
  .optional();

const forTheNext = { class: "live", reason: "for guests that are placed from now on" } as const;

/** What placement may use of the machine. */
export const limitRows = {
  housekeepingCpus: attribute<string | undefined>({
    doc: 'CPUs for the host itself and QEMU\'s own threads, as "0-1,32-33"; no vCPU is placed on them. Default: none.',
    schema: numberSet.optional(),
    change: () => forTheNext,
  }),
  dedicatedCpus: attribute<string | undefined>({
    doc: 'CPUs that guests with dedicated CPUs may own, as "2-31"; vCPUs that share keep off them. Default: all but the housekeeping CPUs.',
    schema: numberSet.optional(),
    change: () => forTheNext,
  }),
  reservedMemory: attribute<DeclaredLimits["reservedMemory"]>({
    doc: 'Ordinary memory that placement leaves to the host: one size for each cell, or one by the cell\'s number, as `{ "0": "8 GiB", "1": "2 GiB" }`. Default: none.',
    schema: reservedMemory,
    change: () => forTheNext,
  }),
  reservedPages: attribute<readonly DeclaredPages[] | undefined>({
    doc: 'Huge pages that placement leaves alone, as `[{ cell: 0, size: "2 MiB", count: 64 }]`; without `cell` in each cell. Default: none.',
    schema: pageCounts.optional(),
    change: () => forTheNext,
  }),
  guestPages: attribute<boolean | undefined>({
    doc: "Whether placement may add huge pages to the machine's for a guest that prefers or requires them and finds too few free (virNodeAllocPages): in the guest's cell, of ordinary memory beyond `reservedMemory` that no guest is bound to. They are given back when the guest is deleted, goes elsewhere or becomes smaller. Needs `reservedMemory`. Default false.",
    schema: z.boolean().optional(),
    change: () => forTheNext,
  }),
};

type Limits = StateOf<typeof limitRows>;
const names = Object.keys(limitRows) as (keyof Limits)[];

export const limitRules: readonly Rule<typeof limitRows>[] = [
  {
    needs: ["housekeepingCpus", "dedicatedCpus"],
    check({ housekeepingCpus = "", dedicatedCpus = "" }): Fault[] {
      if (housekeepingCpus === "" || dedicatedCpus === "") return [];
      const kept = new Set(parseCpuSet(housekeepingCpus));
      const both = parseCpuSet(dedicatedCpus).filter((cpu) => kept.has(cpu));
      if (both.length === 0) return [];
      return [
        { property: "dedicatedCpus", reason: `CPUs ${both.join(", ")} are housekeepingCpus too; give each to one` },
      ];
    },
  },
  {
    needs: ["guestPages", "reservedMemory"],
    check: ({ guestPages, reservedMemory }): Fault[] =>
      guestPages === true && reservedMemory === undefined
        ? [
            {
              property: "guestPages",
              reason: 'needs reservedMemory: what is to stay of each cell for the machine itself, as "4 GiB"',
            },
          ]
        : [],
  },
  {
    needs: names,
    check(inputs): Fault[] {
      const bytes = Buffer.byteLength(JSON.stringify(limitsIn(inputs)));
      if (bytes <= maxLimits) return [];
      const longest = names.reduce((most, name) => (length(inputs[name]) > length(inputs[most]) ? name : most));
      const reason = `is too long: with the other limits ${bytes} bytes, which go into the state of every resource on the host; at most ${maxLimits} are taken. Write ranges of CPUs, and one entry for all cells`;
      return [{ property: longest, reason }];
    },
  },
];

/** The limits among the inputs. */
function limitsIn(inputs: Limits): DeclaredLimits {
  return Object.fromEntries(names.flatMap((name) => (inputs[name] === undefined ? [] : [[name, inputs[name]]])));
}

function length(value: unknown): number {
  return value === undefined ? 0 : JSON.stringify(value).length;
}
