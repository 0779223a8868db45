import { z } from "./attribute";
import { formatBytes, formatDuration, formatRate, parseBytes, parseDuration, parseRate } from "./units";

/** Turns a RangeError of the unit parsers into a fault of the property. */
function canonical<T>(spell: (value: string | number) => T) {
  return z
    .union([z.string(), z.number()], { error: "expected a string with a unit or a plain number" })
    .transform((value, context): T => {
      try {
        return spell(value);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    });
}

/** A size: "40 GiB" or a plain number of bytes; canonical in the largest exact binary unit. */
export const size = canonical((value) => {
  const bytes = parseBytes(value);
  if (bytes >= 2n ** 63n) throw new RangeError(`${value} is too much: libvirt counts less than 8 EiB`);
  return formatBytes(bytes);
});

/** A size that libvirt counts in KiB: what is beyond a whole one would be dropped in silence. */
export const sizeInKiB = size.refine((value) => parseBytes(value) % 1024n === 0n, "must be a whole number of KiB");

/** A rate: "500 MiB/s" or a plain number of bytes per second. */
export const rate = canonical((value) => formatRate(parseRate(value)));

/** Ten years: no deadline or lease means more, and timers count the milliseconds of it exactly. */
const longest = 3650 * 86400;

/** A duration: "30 s", "5 min" or a plain number of seconds. */
export const duration = canonical((value) => {
  const seconds = parseDuration(value);
  if (seconds > longest) throw new RangeError(`${value} is too long: the most is ${formatDuration(longest)}`);
  if (seconds > 0 && seconds < 0.001) throw new RangeError(`${value} is too short: the least above 0 is 1 ms`);
  return formatDuration(seconds);
});

// XML 1.0 cannot carry these, escaped or not.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unrepresentable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/** Text that XML can carry. */
export const text = z
  .string()
  .refine((value) => !unrepresentable.test(value), "holds a control character that XML cannot carry")
  .refine((value) => !/\p{Surrogate}/u.test(value), "holds half of a character (a lone surrogate)");

/** A name of a libvirt object: no slash, no control characters, not empty. */
export const objectName = text
  .min(1, "must not be empty")
  .max(200, "must have at most 200 characters")
  .refine((value) => !/[/\n]/.test(value), 'must not contain "/" or a line break');

export const uuid = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "is not a uuid")
  .transform((value) => value.toLowerCase());

export const macAddress = z
  .string()
  .regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, 'is not a MAC address like "52:54:00:12:34:56"')
  .transform((value) => value.toLowerCase())
  .refine((value) => (Number.parseInt(value.slice(0, 2), 16) & 1) === 0, "is a multicast address; libvirt refuses it");

/** The one spelling of a path: single slashes, and none at the end. */
export function plainPath(path: string): string {
  return path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
}

/** An absolute path on the host, without a trailing slash. */
export const hostPath = text
  .regex(/^\//, "must be an absolute path on the host")
  .transform(plainPath)
  .refine((value) => !value.split("/").includes(".."), 'must not contain ".."');
