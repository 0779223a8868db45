import type { Context, HostReference } from "../core/handler";
import type { Libvirt } from "../libvirt/api";
import { uriFaults } from "../transport/uri";
import { type Command, type Flags, type Output, textFlag, UsageError } from "./command";
import { connectOptions, withHost } from "./connect";
import { findCli, selectedStack, wantedCli } from "./import/cli";
import type { LeftOut } from "./import/plan";
import { Project } from "./import/project";
import { hostName, takeHost } from "./import/take-host";
import { version } from "./version";

const programName = "index.ts";
const importName = "import.json";

const notes = `Reads the host and changes nothing there. Writes index.ts, and import.json for "pulumi import"; a folder without a
project gets Pulumi.yaml, package.json and tsconfig.json too. No file is ever overwritten.

What is declared is exactly what is there: uuids, MAC addresses, names and serial numbers are the host's, and what no
argument says stands in "overlay". Each object is proven: the program's inputs, written into its definition, must give
the same definition. What cannot be taken over so is left out of the program and named, with the reasons.

Passwords, cookies, fw_cfg entries and QEMU's environment are never written into the program, which asks the stack's
configuration for them. import.json has them and can be read by its owner alone: delete it when it has been imported.

--adopt writes a program with "adopt: true" and no import file, for a Pulumi CLI before ${wantedCli}: its first
"pulumi up" takes the objects over and writes nothing but a mark.

The exit code is 0 when everything was taken over, 2 when something was left out, 1 when nothing could be read.
Example: pulumi-kvm import qemu+ssh://root@rack1.example/system --filter 'web*' --out infra`;

export const importHost: Command = {
  doc: "Writes a program, and an import file, for what runs on a host already. Nothing on the host is changed.",
  parameters: ["URI"],
  options: {
    filter: { type: "string", value: "GLOB", doc: "Only domains of these names, and what they need. Default: all." },
    out: { type: "string", value: "DIR", doc: "Folder of the program. Default: this one." },
    stack: { type: "string", value: "NAME", doc: "Stack to import into. Default: the selected one, else dev." },
    adopt: { type: "boolean", doc: "Write a program that adopts, and no import file." },
    ...connectOptions,
  },
  notes,

  async run([uri = ""], flags, output) {
    const faults = uriFaults(uri);
    if (faults.length > 0) throw new UsageError(`URI: ${faults.join("; ")}`);
    const adopt = flags["adopt"] === true;
    const project = new Project(textFlag(flags, "out") ?? ".");
    project.requireFree(adopt ? [programName] : [programName, importName]);
    return withHost(uri, flags, (libvirt) => takeOver(uri, adopt, project, flags, output, contextOf(libvirt, output)));
  },
};

async function takeOver(
  uri: string,
  adopt: boolean,
  project: Project,
  flags: Flags,
  output: Output,
  context: Context,
): Promise<"done" | "no"> {
  const ways = { hostKey: "host-key", identityFile: "identity-file", identityEnv: "identity-env" };
  const given = Object.entries(ways).flatMap(([name, flag]) => {
    const value = textFlag(flags, flag);
    return value === undefined ? [] : [[name, value]];
  });
  const reference: HostReference = { uri, ...Object.fromEntries(given) };
  const target = {
    organization: "organization",
    project: project.name(hostName(uri)),
    stack: textFlag(flags, "stack") ?? (await selectedStack(project.folder)) ?? "dev",
  };
  const taken = await takeHost(reference, { filter: textFlag(flags, "filter"), adopt, target }, context);
  const { entries, left, unsaid, marked, program, file, unsettled } = taken;
  project.write(programName, program.text);
  if (file !== undefined) project.write(importName, file, true);
  const others = project.complete(target.project, `^${version()}`);
  const files = [programName, ...(adopt ? [] : [importName]), ...others];
  output.note(`wrote ${files.join(", ")} for ${counted(entries.map(({ handler }) => handler.type))}`);
  for (const line of unsettled) output.note(line);
  for (const line of listed(unsaid, "keeps what its program does not say")) output.note(line);
  for (const line of listed(marked, "is marked by a deployment, and no two stacks should manage it")) output.note(line);
  for (const line of listed(left, "is not taken over")) output.note(line);
  for (const line of await nextSteps(project, target.stack, program.secrets, adopt)) output.result(line);
  return left.length > 0 ? "no" : "done";
}

function listed(objects: readonly LeftOut[], what: string): string[] {
  return objects.flatMap(({ object, reasons }) => [`${object} ${what}:`, ...reasons.map((reason) => `  ${reason}`)]);
}

async function nextSteps(
  { folder }: Project,
  stack: string,
  secrets: ReadonlyMap<string, string>,
  adopt: boolean,
): Promise<string[]> {
  const steps = [
    ...(folder === "." ? [] : [`cd ${quoted(folder)}`]),
    "npm install",
    `pulumi stack select --create ${quoted(stack)}`,
    ...[...secrets].map(([key, what]) => `pulumi config set --secret ${key}   # ${what}; asks for the value`),
  ];
  if (adopt) return [...steps, "pulumi up   # takes them over; writes nothing but a mark"];
  const { version, isEnough } = await findCli();
  const command = `pulumi import --file ${importName} --generate-code=false --stack ${quoted(stack)} --yes`;
  const warning = isEnough
    ? []
    : [
        `# needs the Pulumi CLI ${wantedCli} or newer, and here is ${version ?? "none on PATH"}; without it use pulumi-kvm import --adopt`,
      ];
  return [...steps, ...warning, command, `rm ${importName}`, "pulumi preview   # shows no change"];
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** "2 networks, 1 volume" */
function counted(types: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].map(([type, count]) => `${count} ${type}`).join(", ");
}

/** Handlers are given the one connection that is open. */
function contextOf(libvirt: Libvirt, output: Output): Context {
  return {
    meta: undefined,
    signal: new AbortController().signal,
    connect: async () => libvirt,
    progress: () => undefined,
    warn: (message) => output.note(message),
    info: (message) => output.note(message),
  };
}
