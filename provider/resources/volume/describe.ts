import type { Values } from "../../core/handler";
import { formatBytes } from "../../core/units";
import { textAt } from "../../schema/lens";
import type { Element } from "../../schema/tree";
import { capacityOf, formatOf } from "./observe";

/** What a document says of a volume, and the path of the image that it is based on. */
export function describe(document: Element): { readonly values: Values; readonly backing: string | undefined } {
  return {
    values: {
      name: textAt("name").get(document),
      format: formatOf(document),
      size: formatBytes(capacityOf(document)),
    },
    backing: textAt("backingStore/path").get(document),
  };
}
