import { parseArgs } from "node:util";
import { messageOf } from "../core/errors";
import { nearest } from "../core/nearest";
import { type Command, type Flags, type Output, parserOptions, UsageError } from "./command";
import { commandHelp, overview } from "./help";
import { version } from "./version";

/** By the name that the user types. */
export type Commands = Readonly<Record<string, Command>>;

/** What the process ends with: 1 for whatever went wrong, wrong use included; 2 where the answer is no. */
export const exitCode = { done: 0, failed: 1, no: 2 } as const;

/** Runs one command line. Never throws: whatever goes wrong is one message without a stack, and the exit code. */
export async function run(argv: readonly string[], commands: Commands, output: Output): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h") {
    (name === undefined ? output.note : output.result)(overview(commands));
    return name === undefined ? exitCode.failed : exitCode.done;
  }
  if (name === "--version") {
    output.result(version());
    return exitCode.done;
  }
  try {
    return await runOne(name, rest, commands, output);
  } catch (error) {
    output.note(messageOf(error));
    return exitCode.failed;
  }
}

async function runOne(name: string, rest: readonly string[], commands: Commands, output: Output): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(unknownCommand(name, commands));
  const { words, flags } = parsed(name, command, rest);
  if (flags["help"] === true) {
    output.result(commandHelp(name, command));
    return exitCode.done;
  }
  const required = command.parameters.filter((parameter) => !parameter.startsWith("["));
  if (words.length < required.length || words.length > command.parameters.length) {
    const wanted = command.parameters.join(" ") || "no arguments";
    throw new UsageError(`${name} takes ${wanted}, ${words.length} given; see pulumi-kvm ${name} --help`);
  }
  return (await command.run(words, flags, output)) === "no" ? exitCode.no : exitCode.done;
}

function parsed(name: string, command: Command, args: readonly string[]): { words: readonly string[]; flags: Flags } {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      options: parserOptions(command),
      allowPositionals: true,
    });
    return { words: positionals, flags: values as Flags };
  } catch (error) {
    throw new UsageError(`${optionFault(messageOf(error), command)}; see pulumi-kvm ${name} --help`);
  }
}

/** Node's own words go on about arguments that begin with a dash. */
function optionFault(text: string, { options }: Command): string {
  const unknown = /Unknown option '-*([^']+)'/.exec(text);
  if (!unknown) return text;
  const near = nearest(unknown[1] ?? "", Object.keys(options));
  return near === undefined ? unknown[0] : `${unknown[0]}, did you mean --${near}?`;
}

function unknownCommand(name: string, commands: Commands): string {
  const near = nearest(name, Object.keys(commands));
  const hint = near === undefined ? "." : `; did you mean ${near}?`;
  return `pulumi-kvm has no command "${name}"${hint} See pulumi-kvm --help`;
}
