import type { Command } from "./command";

/** The list of commands. */
export function overview(commands: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(commands).map(([name, { doc }]) => [name, doc] as const);
  return [
    "Usage: pulumi-kvm COMMAND [ARGUMENTS]",
    "",
    ...table([
      ...lines,
      ["--help", "This text; pulumi-kvm COMMAND --help tells of one command."],
      ["--version", "The version of pulumi-kvm."],
    ]),
  ].join("\n");
}

/** What one command takes. */
export function commandHelp(name: string, command: Command): string {
  const options = Object.entries(command.options).map(([option, { short, value, doc }]) => {
    const flag = short === undefined ? `--${option}` : `-${short}, --${option}`;
    return [value === undefined ? flag : `${flag} ${value}`, doc] as const;
  });
  const usage = ["pulumi-kvm", name, ...command.parameters, ...(options.length > 0 ? ["[OPTIONS]"] : [])];
  const lines = [
    `Usage: ${usage.join(" ")}`,
    "",
    command.doc,
    "",
    ...table([...options, ["-h, --help", "This text."]]),
  ];
  return [...lines, ...(command.notes === undefined ? [] : ["", command.notes])].join("\n");
}

function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
