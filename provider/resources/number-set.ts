import { z } from "../core/attribute";
import { formatCpuSet, parseCpuSet } from "../tuning/cpu-set";

/** A set of numbers, CPUs or cells, in libvirt's notation "0-3,8,^2"; canonical in its shortest spelling. */
export const numberSet = z.string().transform((value, context): string => {
  try {
    const found = formatCpuSet(parseCpuSet(value));
    if (found !== "") return found;
    context.addIssue({ code: "custom", message: `"${value}" names none; write for example "0-3,8"` });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
  return z.NEVER;
});
