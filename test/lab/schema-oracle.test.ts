import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toObject } from "../../provider/schema/object";
import { children, clone, type Element, parse, render } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

/** Documents that are mutated, each once in every way. */
const sampled = 60;

type Draw = (bound: number) => number;
/** Changes one thing; false where there is nothing to change. */
type Mutation = (document: Element, draw: Draw) => boolean;

const mutations: Readonly<Record<string, Mutation>> = {
  "attribute misspelt": (document, draw) =>
    onAttribute(document, draw, /./, (node, name) => {
      node.attributes[`${name}x`] = node.attributes[name] ?? "";
      delete node.attributes[name];
    }),
  "element misspelt": (document, draw) =>
    onElement(document, draw, (node, parent) => replace(parent, node, [{ ...node, name: `${node.name}x` }])),
  "element doubled": (document, draw) =>
    onElement(document, draw, (node, parent) => replace(parent, node, [node, clone(node)])),
  "value made up": (document, draw) =>
    onAttribute(document, draw, /./, (node, name) => {
      node.attributes[name] = "bogus";
    }),
  "number made none": (document, draw) =>
    onAttribute(document, draw, /^\d+$/, (node, name) => {
      node.attributes[name] = "12q";
    }),
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kvm-oracle-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("wrong documents are found just as xmllint finds them by libvirt's own schema", () => {
  const schema = join(
    debianSource("libvirt", "trixie", cacheFolder(), "*/src/conf/schemas/*.rng", "schemas"),
    "src/conf/schemas/domain.rng",
  );
  const made = mutants();
  const refused = refusedByXmllint(schema, Object.keys(made));
  const tally = Object.fromEntries(Object.keys(mutations).map((name) => [name, { refused: 0, missed: 0, surplus: 0 }]));
  for (const [file, { mutation, document }] of Object.entries(made)) {
    const count = tally[mutation];
    if (!count) continue;
    const isFault = validate("domain", toObject(document)).length > 0;
    if (refused.has(file)) count.refused++;
    if (refused.has(file) && !isFault) count.missed++;
    if (!refused.has(file) && isFault) count.surplus++;
  }
  // Nothing that libvirt's schema takes is ever refused.
  expect(Object.values(tally).map(({ surplus }) => surplus)).toEqual(Object.keys(mutations).map(() => 0));
  expect(tally["attribute misspelt"]).toEqual({ refused: sampled, missed: 0, surplus: 0 });
  expect(tally["element misspelt"]).toEqual({ refused: sampled, missed: 0, surplus: 0 });
  expect(tally["element doubled"]).toMatchObject({ missed: 0 });
  expect(tally["number made none"]).toMatchObject({ missed: 0 });
  // All alternatives of an element are one shape: rules between fields are libvirt's to judge.
  expect(tally["value made up"]?.missed).toBeLessThanOrEqual((tally["value made up"]?.refused ?? 0) / 10);
  for (const { refused: count } of Object.values(tally)) expect(count).toBeGreaterThan(sampled / 3);
}, 120_000);

function mutants(): Record<string, { readonly mutation: string; readonly document: Element }> {
  const tests = debianSource("libvirt", "trixie", cacheFolder(), "*/tests/*", "tests");
  const data = join(tests, "tests/qemuxmlconfdata");
  const names = readdirSync(data).filter((name) => /(?<!-invalid)\.xml$/.test(name));
  const step = Math.floor(names.length / sampled);
  const chosen = names
    .sort()
    .filter((_, index) => index % step === 0)
    .slice(0, sampled);
  const draw = generator(20260101);
  return Object.fromEntries(
    Object.entries(mutations).flatMap(([mutation, change], number) =>
      chosen.flatMap((name) => {
        const document = parse(readFileSync(join(data, name), "utf8"));
        if (!change(document, draw)) return [];
        mkdirSync(join(folder, String(number)), { recursive: true });
        const file = join(folder, String(number), name);
        writeFileSync(file, render(document));
        return [[file, { mutation, document }]];
      }),
    ),
  );
}

function refusedByXmllint(schema: string, files: readonly string[]): ReadonlySet<string> {
  const options = { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;
  const { stderr } = spawnSync("xmllint", ["--noout", "--relaxng", schema, ...files], options);
  const judged = new Map(
    [...stderr.matchAll(/^(\S+) (validates|fails to validate)$/gm)].map(([, f, what]) => [f, what]),
  );
  expect(judged.size).toBe(files.length);
  return new Set(files.filter((file) => judged.get(file) !== "validates"));
}

/** Parents and children all over the document, but for what the schema leaves open. */
function pairs(node: Element): [Element, Element][] {
  return children(node)
    .filter(({ name }) => name !== "metadata" && !name.includes(":"))
    .flatMap((child) => [[child, node] as [Element, Element], ...pairs(child)]);
}

function onElement(document: Element, draw: Draw, change: (node: Element, parent: Element) => void): boolean {
  const all = pairs(document);
  const [node, parent] = all[draw(all.length)] ?? [];
  if (node && parent) change(node, parent);
  return node !== undefined;
}

function onAttribute(
  document: Element,
  draw: Draw,
  value: RegExp,
  change: (node: Element, name: string) => void,
): boolean {
  const all = pairs(document).flatMap(([node]) =>
    Object.entries(node.attributes).flatMap(([name, text]) => (value.test(text) ? [[node, name] as const] : [])),
  );
  const [node, name] = all[draw(all.length)] ?? [];
  if (node && name !== undefined) change(node, name);
  return node !== undefined;
}

function replace(parent: Element, node: Element, by: readonly Element[]): void {
  parent.children.splice(parent.children.indexOf(node), 1, ...by);
}

/** Numbers that look random and are the same in each run. */
function generator(seed: number): Draw {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return bound === 0 ? 0 : (state >>> 8) % bound;
  };
}
