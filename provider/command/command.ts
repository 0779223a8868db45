import type { ParseArgsConfig } from "node:util";

/** Where a command writes; the process's own streams outside tests. */
export interface Output {
  /** One line of the result, on standard output. */
  result(line: string): void;
  /** One line beside the result, on standard error. */
  note(line: string): void;
}

/** What parseArgs found, by the names of `Command.options`. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** The value of an option that takes one; undefined where it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}

/** The values of an option that may be given several times. */
export function listFlag(flags: Flags, name: string): readonly string[] {
  const value = flags[name];
  return typeof value === "object" ? value : [];
}

/** One option of a command. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** It may be given several times. */
  readonly multiple?: true;
  /** What stands for the value in the help, such as "GLOB". */
  readonly value?: string;
  readonly doc: string;
}

/** One subcommand of `pulumi-kvm`. */
export interface Command {
  /** One sentence, shown in the list of commands. */
  readonly doc: string;
  /** Names of the arguments, in their order; one in brackets, "[URI]", may be left out. */
  readonly parameters: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** What else there is to know, below the options: formats and an example. */
  readonly notes?: string;
  /**
   * Does the work; "no" is an answer that scripts want to tell from yes. Throws a KvmError or a UsageError; its message
   * is all that the user sees.
   */
  run(words: readonly string[], flags: Flags, output: Output): Promise<"done" | "no">;
}

/** The user asked for something that the command does not have. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The options as node's parser wants them; each command has --help. */
export function parserOptions(command: Command): NonNullable<ParseArgsConfig["options"]> {
  const own = Object.entries(command.options).map(
    ([name, { type, short, multiple = false }]) =>
      [name, { type, multiple, ...(short !== undefined && { short }) }] as const,
  );
  return { ...Object.fromEntries(own), help: { type: "boolean", short: "h" } };
}
