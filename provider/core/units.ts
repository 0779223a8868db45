const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;
const decimal = ["kB", "MB", "GB", "TB", "PB", "EB"] as const;
const seconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86400 };

const factors: ReadonlyMap<string, bigint> = new Map([
  ...binary.map((unit, power) => [unit, 1024n ** BigInt(power)] as const),
  ...decimal.map((unit, power) => [unit, 1000n ** BigInt(power + 1)] as const),
]);

const quantity = /^\s*(\d+)(?:\.(\d+))?\s*([A-Za-z]+)?(\/s)?\s*$/;

/** Bytes of "40 GiB", "500 MB", "1.5 TiB" or a plain number of bytes. Throws RangeError with the known units. */
export function parseBytes(value: string | number): bigint {
  if (typeof value === "number") return wholeBytes(value);
  const match = quantity.exec(value);
  const unit = match?.[3] ?? "B";
  const factor = factors.get(unit);
  if (!match || match[4] || factor === undefined) {
    throw new RangeError(
      `"${value}" is not a size; write for example "40 GiB" (units: ${[...factors.keys()].join(", ")})`,
    );
  }
  const fraction = match[2] ?? "";
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(`${match[1]}${fraction}`) * factor;
  if (scaled % scale !== 0n) throw new RangeError(`"${value}" is not a whole number of bytes`);
  return scaled / scale;
}

/** The one canonical spelling of a size: the largest binary unit that divides it exactly. */
export function formatBytes(bytes: bigint): string {
  let power = binary.length - 1;
  while (power > 0 && bytes % 1024n ** BigInt(power) !== 0n) power--;
  return bytes === 0n ? "0 B" : `${bytes / 1024n ** BigInt(power)} ${binary[power]}`;
}

/** Bytes per second of "500 MiB/s" or a plain number. */
export function parseRate(value: string | number): bigint {
  if (typeof value === "number") return wholeBytes(value);
  if (!value.trim().endsWith("/s")) throw new RangeError(`"${value}" is not a rate; write for example "500 MiB/s"`);
  return parseBytes(value.trim().slice(0, -2));
}

export function formatRate(bytesPerSecond: bigint): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Seconds of "30 s", "5 min", "1 h" or a plain number of seconds. */
export function parseDuration(value: string | number): number {
  if (typeof value === "number") {
    if (Number.isFinite(value) && value >= 0) return value;
    throw new RangeError(`${value} is not a duration in seconds`);
  }
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(value);
  const factor = seconds[match?.[2] || "s"];
  if (!match || factor === undefined) {
    throw new RangeError(
      `"${value}" is not a duration; write for example "30 s" (units: ${Object.keys(seconds).join(", ")})`,
    );
  }
  return Number(match[1]) * factor;
}

/** The one canonical spelling of a duration: the largest unit that divides it exactly. */
export function formatDuration(value: number): string {
  const milliseconds = Math.round(value * 1000);
  const units = Object.entries(seconds).reverse();
  const [unit, factor] = units.find(([, size]) => milliseconds % (size * 1000) === 0 && milliseconds !== 0) ?? ["s", 1];
  return `${milliseconds / (factor * 1000)} ${unit}`;
}

function wholeBytes(value: number): bigint {
  if (Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new RangeError(`${value} is not a whole number of bytes; write large sizes as a string with a unit`);
}
