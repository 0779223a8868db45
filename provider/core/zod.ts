/**
 * The parts of zod that we use. Each is named, so that the bundle leaves out the others: most of zod is languages, which
 * every start of the provider would load.
 */

export type { core, infer, output } from "zod";
export {
  array,
  boolean,
  config,
  custom,
  discriminatedUnion,
  enum,
  int,
  ipv4,
  ipv6,
  literal,
  NEVER,
  number,
  object,
  preprocess,
  record,
  strictObject,
  string,
  toJSONSchema,
  union,
  unknown,
  url,
  ZodObject,
  ZodType,
} from "zod";
