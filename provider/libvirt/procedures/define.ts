import { type Codec, type Fields, int, type StructOf, string, struct, uuid } from "../codec";

/** One row of the procedure table. */
export interface Procedure<A, R> {
  readonly number: number;
  readonly args: Codec<A>;
  readonly result: Codec<R>;
  /** Program number where it is not REMOTE. */
  readonly program?: number;
  /** First libvirt that has it, as 1000000 * major + 1000 * minor + release, where newer than 6.0. */
  readonly since?: number;
}

interface Traits {
  readonly since?: string;
  readonly program?: number;
}

/** A procedure by its number in remote_protocol.x, with its arguments and results under the names they have there. */
export function proc<A extends Fields, R extends Fields>(
  number: number,
  args: A,
  result: R,
  traits: Traits = {},
): Procedure<StructOf<A>, StructOf<R>> {
  const since = traits.since === undefined ? {} : { since: versionNumber(traits.since) };
  const program = traits.program === undefined ? {} : { program: traits.program };
  return { number, args: struct(args), result: struct(result), ...since, ...program };
}

/** "9.7.0" as libvirt counts versions. */
function versionNumber(text: string): number {
  const [major = 0, minor = 0, release = 0] = text.split(".").map(Number);
  return major * 1_000_000 + minor * 1_000 + release;
}

export const domain = struct({ name: string, uuid, id: int });
export const network = struct({ name: string, uuid });
export const pool = struct({ name: string, uuid });
export const volume = struct({ pool: string, name: string, key: string });
export const secret = struct({ uuid, usageType: int, usageId: string });
export const nodeDevice = struct({ name: string });
export const hostInterface = struct({ name: string, mac: string });
export const snapshot = struct({ name: string, dom: domain });
export const checkpoint = struct({ name: string, dom: domain });
