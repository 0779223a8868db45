import type { Values } from "../../core/handler";
import { isAt } from "../../core/paths";
import { isPlainObject } from "../../core/unknown";
import { Call, Code, literal, Variables } from "./code";
import { argumentsFor, metaOf } from "./inputs";
import type { Entry } from "./plan";
import { holdsSecret, secretsIn } from "./secrets";

/** The program, and the configuration that it asks for. */
export interface Program {
  readonly text: string;
  /** Names of secrets, each with what it is: "password of graphics.vnc of VirtualMachine web". */
  readonly secrets: ReadonlyMap<string, string>;
}

export interface ProgramOptions {
  /** Take over at the first `up`, rather than by an import file. */
  readonly adopt: boolean;
}

/** Sections of the program by class. */
const sections: readonly (readonly [type: string, kind: string])[] = [
  ["Host", "host"],
  ["Network", "network"],
  ["StoragePool", "pool"],
  ["Volume", "volume"],
  ["VirtualMachine", "vm"],
];

/** Writes the program that declares these resources. */
export function programOf(entries: readonly Entry[], { adopt }: ProgramOptions): Program {
  const writer = new Writer(adopt);
  const blocks = sections.flatMap(([type, kind]) => {
    const own = entries.filter((entry) => entry.handler.type === type);
    return own.map((entry) => writer.resource(entry, kind, entries));
  });
  const { secrets } = writer;
  const head = [
    'import * as kvm from "pulumi-kvm";',
    ...(secrets.size > 0
      ? ['import * as pulumi from "@pulumi/pulumi";', "", "const config = new pulumi.Config();"]
      : []),
    "",
    ...(adopt
      ? []
      : [
          "// What was imported is protected, as it is in the state; take this out where it may be deleted.",
          `const imported = { protect: true };`,
          "",
        ]),
  ];
  return { text: `${[...head, ...blocks].join("\n")}\n`, secrets };
}

class Writer {
  readonly secrets = new Map<string, string>();
  private readonly variables = new Variables();
  private readonly known = new Map<string, Code>();

  constructor(private readonly adopt: boolean) {}

  resource(entry: Entry, kind: string, all: readonly Entry[]): string {
    const { handler, name, inputs } = entry;
    const said = argumentsFor(handler, inputs, metaOf(handler, name));
    const adopted = this.adopt && kind !== "host" ? { adopt: true } : {};
    const args = this.coded(entry, { ...first(said, ["host", "pool"]), ...adopted, ...said }, []) as Values;
    const isUsed = kind === "host" || all.some((other) => other !== entry && mentions(other.inputs, keyOf(entry)));
    const variable = isUsed ? this.variables.name(kind === "host" ? "host" : name, kind) : undefined;
    if (variable) this.known.set(keyOf(entry), variable);
    const head = `${variable ? `const ${variable.text} = ` : ""}new kvm.${handler.type}(${JSON.stringify(name)}, `;
    const options = this.adopt ? "" : ", imported";
    return `${head}${literal(args, "", head.length)}${options});`;
  }

  /** The value with variables for what the program has, and with secrets left to the configuration. */
  private coded(entry: Entry, value: unknown, path: readonly string[]): unknown {
    if (isSecret(entry, path)) return this.secret(entry, value, path);
    if (Array.isArray(value)) return value.map((item, index) => this.coded(entry, item, [...path, String(index)]));
    if (!isPlainObject(value)) return value;
    const variable = path.length > 0 ? this.known.get(referenceKey(value)) : undefined;
    if (variable) return variable;
    const coded = Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, this.coded(entry, item, [...path, name])]),
    );
    // A partial document is one input: what is in it can be no promise by itself.
    return path.join() === "overlay" && secretsIn(value, path).length > 0 ? new Call("pulumi.output", coded) : coded;
  }

  private secret({ handler, name }: Entry, value: unknown, path: readonly string[]): Code {
    const key = this.freeKey([name, ...path].join("-"));
    const [method, form] = typeof value === "object" ? ["requireSecretObject", ", as JSON"] : ["requireSecret", ""];
    this.secrets.set(key, `${path.join(".")} of ${handler.type} ${name}${form}`);
    return new Code(`config.${method}(${JSON.stringify(key)})`);
  }

  /** A name that the configuration takes, and a command line too; names of guests may differ in what is left out. */
  private freeKey(text: string): string {
    const plain = text.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+/, "");
    let key = plain;
    for (let number = 2; this.secrets.has(key); number++) key = `${plain}-${number}`;
    return key;
  }
}

/** Whether a value is never to be seen in a program: what a row says, and what documents have of it. */
function isSecret({ handler }: Entry, path: readonly string[]): boolean {
  if (holdsSecret(path)) return true;
  return handler.secretPaths.some((pattern) => isAt(path, pattern.split(".")));
}

/** What tells objects of a host apart: volumes by their path, all others by their uuid. */
function keyOf({ handler, id, inputs }: Entry): string {
  return handler.type === "Volume" ? String(inputs["path"]) : id;
}

/** The same of what may be a reference. One to a volume has its name; a disk on an image has a path alone. */
function referenceKey({ uuid, name, path }: Values): string {
  return String(uuid ?? (name === undefined ? undefined : path));
}

function mentions(value: unknown, key: string): boolean {
  if (Array.isArray(value)) return value.some((item) => mentions(item, key));
  if (!isPlainObject(value)) return false;
  return referenceKey(value) === key || Object.values(value).some((item) => mentions(item, key));
}

/** The values of these names, to stand before all others. */
function first(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}
