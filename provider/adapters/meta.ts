import { z } from "../core/attribute";
import type { Meta } from "../core/handler";

const schema = z.object({
  organization: z.string(),
  project: z.string().optional(),
  stack: z.string().optional(),
  urn: z.string(),
  aliases: z.array(z.string()).optional(),
  timeouts: z
    .object({ create: z.number().optional(), update: z.number().optional(), delete: z.number().optional() })
    .optional(),
  secretPaths: z.array(z.string()).optional(),
  unknownPaths: z.array(z.string()).optional(),
  ignoreChanges: z.array(z.string()).optional(),
});

/** What the class passes along, as text or, in older states, as an object. Undefined for what is looked up: it has none. */
export function readMeta(value: unknown): Meta | undefined {
  const parsed = schema.safeParse(typeof value === "string" ? JSON.parse(value) : value);
  if (!parsed.success) return undefined;
  const [, , stack = "", , project = ""] = parsed.data.urn.split(":");
  return { project, stack, ...(parsed.data as Omit<Meta, "project" | "stack">) };
}

/** The same text, for an object that no program made. */
export function writeMeta(meta: Pick<Meta, "organization" | "urn" | "secretPaths">): string {
  return JSON.stringify(meta);
}
