import { attribute, block, z } from "../../core/attribute";
import { size } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { attributeAt, type ElementLens, number, oneOf, presenceAt } from "../../schema/lens";
import { element, remove } from "../../schema/tree";
import { unitBytes } from "../../schema/units";
import { sizeAt } from "../document";
import { numberSet } from "../number-set";
import { elementsAt } from "./host-sets";
import type { LiveOperation, LiveOperations } from "./live";

const pageSchema = z.strictObject({ size, cells: numberSet.optional() });
type Page = z.infer<typeof pageSchema>;

const pagesAt = elementsAt<readonly Page[]>(
  "memoryBacking/hugepages",
  "page",
  (found) =>
    found.map(({ attributes: { size: count = "0", unit = "KiB", nodeset } }) => ({
      size: formatBytes(BigInt(count) * (unitBytes[unit] ?? 1024n)),
      ...(nodeset !== undefined && { cells: nodeset }),
    })),
  (pages) =>
    pages.map((page) =>
      element("page", { size: String(parseBytes(page.size) / 1024n), unit: "KiB", nodeset: page.cells }),
    ),
);

/** Sizes as they are, or what placement is to find: pages if there are some, pages in any case, pages of one size. */
export type HugePages = readonly Page[] | string;

/** Pages that are taken away leave nothing: an empty element would ask for pages of the host's default size. */
const hugePagesLens: ElementLens<HugePages> = {
  get: pagesAt.get,
  set(document, value) {
    // A wish is written as what placement made of it.
    if (value === undefined || typeof value === "string") remove(document, "memoryBacking/hugepages");
    else pagesAt.set(document, value);
  },
};

const hugePagesSchema = z.union([z.enum(["none", "preferred", "required"]), size, z.array(pageSchema).min(1)], {
  error: 'expected "none", "preferred", "required", a size such as "1 GiB", or a list such as [{ size: "1 GiB" }]',
});

/** An element that says no by being there. */
function absenceAt(path: string): ElementLens<boolean> {
  const there = presenceAt(path);
  return {
    get: (document) => !there.get(document),
    set: (document, value) => there.set(document, value === false),
  };
}

const limit = (tag: string, doc: string) =>
  attribute({
    doc: `${doc}, in whole KiB (\`<${tag}>\`). Default: no limit.`,
    schema: size
      .refine((value) => parseBytes(value) >= 1024n, "must be at least 1 KiB")
      .refine((value) => parseBytes(value) % 1024n === 0n, "must be a whole number of KiB")
      .optional(),
    change: "live",
    lens: sizeAt(`memtune/${tag}`, "KiB"),
  });

/** Where the memory of the guest comes from on the host. */
export const memoryBackingRows = {
  hugePages: attribute<HugePages | undefined>({
    doc: 'Huge pages of the host that hold the memory (`<hugepages>`). `"required"` takes the largest that are free where the guest is placed, `"preferred"` ordinary ones where there are none, a size such as `"1 GiB"` exactly those; `"none"` takes ordinary ones; a list such as `[{ size: "1 GiB" }]`, with `cells` for those of `numa.cells`, is written as it is. Default: ordinary pages.',
    schema: hugePagesSchema.optional(),
    change: "restart",
    lens: hugePagesLens,
  }),
  memoryBacking: block({
    doc: "How the host holds the memory (`<memoryBacking>`). Default: private, taken as it is used.",
    rows: {
      source: attribute({
        doc: "`anonymous`, `file` or `memfd` (`<source type>`). Default: memfd where a device shares the memory, else anonymous.",
        schema: z.enum(["anonymous", "file", "memfd"]).optional(),
        change: "restart",
        lens: oneOf(attributeAt("memoryBacking/source", "type"), ["anonymous", "file", "memfd"]),
      }),
      access: attribute({
        doc: "`shared` lets other processes of the host map it, as virtiofsd does, `private` does not (`<access mode>`). Default: shared where a device needs it, else private.",
        schema: z.enum(["shared", "private"]).optional(),
        change: "restart",
        lens: oneOf(attributeAt("memoryBacking/access", "mode"), ["shared", "private"]),
      }),
      allocation: attribute({
        doc: "`immediate` takes all of it at start, `ondemand` as it is used (`<allocation mode>`). Default ondemand.",
        schema: z.enum(["immediate", "ondemand"]).optional(),
        change: "restart",
        lens: oneOf(attributeAt("memoryBacking/allocation", "mode"), ["immediate", "ondemand"]),
      }),
      threads: attribute({
        doc: "Threads that take it with allocation immediate (`<allocation threads>`, libvirt 8.2). Default 1.",
        schema: z.int().min(1).max(1024).optional(),
        since: "8.2",
        change: "restart",
        lens: number(attributeAt("memoryBacking/allocation", "threads")),
      }),
      locked: attribute({
        doc: "Never swapped out; needs `memoryLimits.hardLimit`, without which a guest could take all of the host's memory (`<locked>`). Default false.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: presenceAt("memoryBacking/locked"),
      }),
      mergePages: attribute({
        doc: "Whether the host may merge equal pages of guests, KSM (`<nosharepages>` when false). Default true.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: absenceAt("memoryBacking/nosharepages"),
      }),
      discard: attribute({
        doc: "Throws the content away when the guest stops, instead of writing it to its file (`<discard>`). Default false.",
        schema: z.boolean().optional(),
        change: "restart",
        lens: presenceAt("memoryBacking/discard"),
      }),
    },
  }),
  memoryLimits: block({
    doc: "Limits of the host's memory that QEMU may take (`<memtune>`, cgroups). Default: none.",
    rows: {
      hardLimit: limit(
        "hard_limit",
        "Most memory, with all that QEMU needs for itself: one that is too low kills the guest",
      ),
      softLimit: limit("soft_limit", "Most memory while the host is short of it"),
      swapHardLimit: limit("swap_hard_limit", "Most memory and swap together"),
    },
  }),
};

const unlimited = 9007199254740991n;

const setLimit = (field: string): LiveOperation => {
  return async ({ domain, change }) => {
    const value = typeof change.next === "string" ? parseBytes(change.next) / 1024n : unlimited;
    await domain.setMemoryParameters([{ field, type: "ullong", value }]);
  };
};

export const memoryBackingOperations: LiveOperations = {
  "memoryLimits.hardLimit": setLimit("hard_limit"),
  "memoryLimits.softLimit": setLimit("soft_limit"),
  "memoryLimits.swapHardLimit": setLimit("swap_hard_limit"),
};
