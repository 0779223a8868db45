import { z } from "../../core/attribute";
import { text, uuid } from "../../core/quantities";
import type { Element } from "../../schema/tree";

/** A libvirt secret of the host, named by its uuid or by its usage; its value is never seen here. */
export const secretSchema = z.union(
  [z.object({ uuid }).strict(), z.object({ usage: text.min(1, "must not be empty") }).strict()],
  {
    error: ({ input }) =>
      input === undefined
        ? 'is required: the libvirt secret of the host that holds the value, { usage: "..." } or { uuid: "..." }'
        : undefined,
  },
);
export type SecretReference = z.infer<typeof secretSchema>;

/** The reference that a `<secret>` element holds. */
export function secretOf(found: Element | undefined): SecretReference | undefined {
  const { uuid: id, usage } = found?.attributes ?? {};
  if (id !== undefined) return { uuid: id };
  return usage === undefined ? undefined : { usage };
}
