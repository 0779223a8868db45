import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromWire, readNotes } from "../../provider/adapters/wire";
import { commands } from "../../provider/command/commands";
import { run } from "../../provider/command/run";
import type { Handler, Values } from "../../provider/core/handler";
import { withEmpty } from "../../provider/core/maps";
import { resources } from "../../provider/resources/registry";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { type Element, isElement, parse, render } from "../../provider/schema/tree";
import { furnishForeign } from "../foreign/furnish";
import { handlerContext } from "./handler-context";
import { type Lab, startLab } from "./lab";

let lab: Lab;
const folder = mkdtempSync(join(tmpdir(), "kvm-import-"));
const context = handlerContext();

beforeAll(async () => {
  lab = await startLab();
  await furnishForeign(lab.host);
}, 120_000);

afterAll(async () => {
  await context.close();
  await lab.stop();
  rmSync(folder, { recursive: true });
});

async function imported(...words: readonly string[]) {
  const [lines, notes]: [string[], string[]] = [[], []];
  const output = { result: (line: string) => lines.push(line), note: (line: string) => notes.push(line) };
  const code = await run(["import", lab.host.socketUri, ...words], commands, output);
  return { code, lines: lines.join("\n"), notes: notes.join("\n") };
}

interface Resource {
  readonly handler: Handler;
  readonly name: string;
  readonly id: string;
  readonly inputs: Values;
  readonly outputs: Values;
}

/** The resources of an import file as the engine would hand them to the provider. */
function resourcesIn(file: string): Resource[] {
  const plain = JSON.parse(readFileSync(file, "utf8"), (_key, value) =>
    typeof value?.plaintext === "string" ? JSON.parse(value.plaintext) : value,
  ) as { readonly resources: readonly (Resource & { readonly type: string })[] };
  return plain.resources.map(({ type, ...resource }) => {
    const handler = resources.find((candidate) => type.endsWith(`:${candidate.type}`));
    if (!handler) throw new Error(`no handler for ${type}`);
    const values = ({ __provider, __meta, ...rest }: Values) =>
      withEmpty(handler.maps, readNotes(fromWire(rest) as Values));
    return { ...resource, handler, inputs: values(resource.inputs), outputs: values(resource.outputs) };
  });
}

/** A definition without what the test changes and without our names of devices. */
function theirs(xml: string): string {
  const strip = (element: Element): Element => {
    const isOurs = ({ name, attributes }: Element) =>
      name === "description" || (name === "alias" && attributes["name"]?.startsWith("ua-"));
    element.children = element.children.filter((node) => !isElement(node) || !isOurs(node));
    for (const node of element.children) if (isElement(node)) strip(node);
    return element;
  };
  // libvirt puts controllers in an order of its own whenever it reads a definition.
  return render(strip(parse(xml)))
    .split("\n")
    .sort()
    .join("\n");
}

const dump = (name: string) => lab.host.virsh("dumpxml", "--inactive", "--security-info", name);

test("what other tools made is taken over whole: nothing differs, and a change changes nothing else", async () => {
  const names = (await lab.host.virsh("list", "--all", "--name")).trim().split("\n");
  const before = new Map(await Promise.all(names.map(async (name) => [name, await dump(name)] as const)));
  const out = join(folder, "all");
  const { code, lines, notes } = await imported("--out", out);
  expect(code).toBe(2);
  expect(notes).toMatch(
    /6 VirtualMachine\nNetwork odd is not taken over:\n {2}subnets.* "10\.18\.0\.200\/24" has bits/,
  );
  expect(notes).not.toContain("VirtualMachine win");
  expect(lines).toContain("pulumi config set --secret win-graphics-vnc-password");
  expect(readFileSync(join(out, "index.ts"), "utf8")).not.toContain("s3cr3t");
  for (const name of names) expect(await dump(name)).toBe(before.get(name));

  const all = resourcesIn(join(out, "import.json"));
  for (const { handler, id, inputs, outputs } of all) {
    expect(handler.check(inputs, inputs, undefined).failures).toEqual([]);
    expect(handler.diff(id, outputs, handler.check(inputs, inputs, undefined).inputs).changes).toEqual([]);
    const seen = await handler.read(id, outputs, context);
    expect(handler.diff(id, outputs, seen?.inputs ?? {}).changes).toEqual([]);
  }

  // The first change writes what it is about, and our names of devices; all else stays to the letter.
  for (const { name, id, inputs, outputs } of all.filter(({ handler }) => handler === virtualMachine)) {
    await virtualMachine.update(id, outputs, { ...inputs, description: "ours" }, context);
    const after = await dump(name);
    expect(after).toMatch(/<alias name='ua-disk-/);
    expect(theirs(after)).toBe(theirs(before.get(name) ?? ""));
  }
}, 120_000);

test("a filter takes what the machine needs; a program that adopts needs no import file", async () => {
  const out = join(folder, "some");
  const { code, lines } = await imported("--filter", "web*", "--adopt", "--out", out);
  expect(code).toBe(0);
  expect(lines).not.toContain("pulumi import");
  const program = readFileSync(join(out, "index.ts"), "utf8");
  expect(program.match(/new kvm\.\w+\("[^"]+"/g)).toEqual([
    'new kvm.Host("local"',
    'new kvm.Network("default"',
    'new kvm.StoragePool("vms"',
    'new kvm.Volume("base.qcow2"',
    'new kvm.Volume("web01.qcow2"',
    'new kvm.VirtualMachine("web01"',
  ]);
  expect(program.match(/adopt: true/g)).toHaveLength(5);
  expect((await imported("--filter", "none*", "--out", join(folder, "none"))).notes).toMatch(
    /no domain is called none\*/,
  );
});

test("a volume whose file was deleted behind libvirt's back is left out, and all else is taken", async () => {
  await lab.host.virsh("vol-create-as", "vms", "stale.img", "1M");
  rmSync(join(lab.host.directory, "pool", "stale.img"));
  const out = join(folder, "stale");
  const { code, notes } = await imported("--out", out);
  expect(code).toBe(2);
  expect(notes).toMatch(/Volume vms\/stale\.img is not taken over:\n {2}the pool lists it, .*virsh pool-refresh vms/);
  expect(notes).toMatch(/6 VirtualMachine/);
  await lab.host.virsh("pool-refresh", "vms");
}, 60_000);

test("what has no definition is left out, and volumes of one name in several pools have one each", async () => {
  const { directory, virsh } = { directory: lab.host.directory, virsh: lab.host.virsh.bind(lab.host) };
  for (const folder of ["a", "b", "fleeting"]) mkdirSync(join(directory, folder));
  const write = (name: string, xml: string) => {
    writeFileSync(join(directory, name), xml);
    return join(directory, name);
  };
  await virsh(
    "net-create",
    write("fleeting-net.xml", "<network><name>fleeting</name><bridge name='virfleet'/></network>"),
  );
  await virsh("pool-create-as", "fleeting", "dir", "--target", join(directory, "fleeting"));
  for (const pool of ["a", "b"]) {
    await virsh("pool-define-as", pool, "dir", "--target", join(directory, pool));
    await virsh("pool-start", pool);
    await virsh("vol-create-as", pool, "x", "1M");
  }
  await virsh("vol-create-as", "a", "b-x", "1M");
  await virsh("vol-create-as", "a", "disk.vmdk", "1M", "--format", "vmdk");
  const out = join(folder, "fleeting");
  const { notes } = await imported("--out", out);
  expect(notes).toContain(
    "Network fleeting is not taken over:\n  it is transient, gone with its end: virsh net-define",
  );
  expect(notes).toContain(
    "StoragePool fleeting is not taken over:\n  it is transient, gone with its end: virsh pool-define",
  );
  expect(notes).toMatch(/Volume a\/disk\.vmdk is not taken over:\n {2}format /);
  const volumes = readFileSync(join(out, "index.ts"), "utf8").matchAll(/new kvm\.Volume\("(\S*x)", \{ pool: (\w+)/g);
  expect([...volumes].map(([, name, pool]) => `${pool}: ${name}`)).toEqual(["a: b-x", "a: x", "b: b-b-x"]);
  await virsh("net-destroy", "fleeting");
  for (const pool of ["fleeting", "a", "b"]) await virsh("pool-destroy", pool);
  for (const pool of ["a", "b"]) await virsh("pool-undefine", pool);
}, 60_000);

test("a look-up shows the devices of a machine that others made", async () => {
  const host = { uri: lab.host.socketUri };
  const seen = await virtualMachine.read("lookup:pve-101", { host }, context);
  expect(seen?.state).toMatchObject({
    title: expect.any(String),
    scsiControllers: { scsi0: { iothread: 1 }, scsi1: { iothread: 2 } },
    disks: { sda: { serial: "drive-scsi0", controller: "scsi0" }, hdc: { device: "cdrom" } },
    nics: { "br-lab": { bridge: "br-lab", mac: "bc:24:11:00:00:01" } },
  });
});
