import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../../provider/command/commands";
import { isAtLeast } from "../../../provider/command/import/cli";
import { Code, literal, Variables } from "../../../provider/command/import/code";
import { importFile } from "../../../provider/command/import/import-file";
import { argumentsFor, fitted, metaOf } from "../../../provider/command/import/inputs";
import { programOf } from "../../../provider/command/import/program";
import { Project } from "../../../provider/command/import/project";
import { select } from "../../../provider/command/import/select";
import { take } from "../../../provider/command/import/take";
import { hostName } from "../../../provider/command/import/take-host";
import { run } from "../../../provider/command/run";
import { virtualMachine } from "../../../provider/resources/virtual-machine";
import { volume as volumeHandler } from "../../../provider/resources/volume";
import { parse } from "../../../provider/schema/tree";

const folder = mkdtempSync(join(tmpdir(), "kvm-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

const host = { uri: "qemu:///system", uuid: "00000000-0000-4000-8000-000000000001", owner: "ab" };
const meta = metaOf(virtualMachine, "web");
const web = {
  host,
  name: "web",
  uuid: "00000000-0000-4000-8000-000000000002",
  memory: "1 GiB",
  vcpus: 2,
  defaultsVersion: 0,
  disks: { vda: { path: "/a.qcow2", format: "qcow2" } },
  graphics: { vnc: { password: "geheim" } },
};

test("what the rules refuse is left out by itself, and what cannot be without it is told", () => {
  const made = fitted(virtualMachine, { ...web, rootPorts: -1, disks: { ...web.disks, vdb: { bus: "warp" } } }, meta);
  expect(made.inputs).toMatchObject({ name: "web", disks: { vda: { bus: "virtio" } } });
  expect(Object.keys(made.inputs?.["disks"] ?? {})).toEqual(["vda"]);
  expect(made.refused.map(({ property }) => property)).toEqual(expect.arrayContaining(["rootPorts", "disks.vdb.bus"]));
  const { memory: _, ...rest } = web;
  expect(fitted(virtualMachine, rest, meta)).toMatchObject({
    inputs: undefined,
    refused: [{ property: "memory" }],
  });
});

test("a program says no more than it must, and with it says all", () => {
  const { inputs = {} } = fitted(virtualMachine, web, meta);
  const args = argumentsFor(virtualMachine, inputs, meta);
  expect(args).toEqual(web);
  expect(virtualMachine.check(args, undefined, metaOf(virtualMachine, "elsewhere")).inputs).toEqual(inputs);
});

test("a password is asked of the configuration, and is marked in the import file", () => {
  const { inputs = {} } = fitted(virtualMachine, web, meta);
  const entry = { handler: virtualMachine, name: "web", id: web.uuid, inputs };
  const { text, secrets } = programOf([entry], { adopt: false });
  expect(text).toContain('password: config.requireSecret("web-graphics-vnc-password")');
  expect(text).not.toContain("geheim");
  expect([...secrets.values()]).toEqual(["graphics.vnc.password of VirtualMachine web"]);
  const file = importFile([{ entry, state: inputs }], { organization: "o", project: "p", stack: "s" });
  const [resource] = JSON.parse(file).resources;
  expect(resource).toMatchObject({ type: "pulumi-nodejs:dynamic/kvm:VirtualMachine", name: "web", id: web.uuid });
  for (const values of [resource.inputs, resource.outputs]) {
    expect(values.graphics.vnc.password).toEqual({
      "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
      plaintext: '"geheim"',
    });
    expect(values.__provider).toContain(".VirtualMachine;");
    expect(JSON.parse(values.__meta).urn).toBe("urn:pulumi:s::p::pulumi-nodejs:dynamic/kvm:VirtualMachine::web");
  }
  expect(programOf([entry], { adopt: true }).text).toMatch(/adopt: true,[\s\S]*\}\);/);
});

test("what the program has as a secret is noted as one, so that the first update finds nothing new", () => {
  const overlay = { "qemu:commandline": { env: [{ name: "TOKEN", value: "geheim" }] } };
  const entry = { handler: virtualMachine, name: "web", id: web.uuid, inputs: { ...web, graphics: {}, overlay } };
  const file = importFile([{ entry, state: entry.inputs }], { organization: "o", project: "p", stack: "s" });
  const [{ outputs }] = JSON.parse(file).resources;
  const path = "overlay.qemu:commandline.env.0.value";
  expect(programOf([entry], { adopt: false }).secrets.values().next().value).toBe(`${path} of VirtualMachine web`);
  expect(JSON.parse(outputs.__meta).secretPaths).toEqual([path]);
});

test("a secret that is more than a text is asked for as JSON", () => {
  const inputs = { ...web, graphics: {}, fwCfg: { "opt/a": { value: "geheim" } } };
  const { text, secrets } = programOf([{ handler: virtualMachine, name: "web", id: web.uuid, inputs }], {
    adopt: false,
  });
  expect(text).toContain('fwCfg: config.requireSecretObject("web-fwCfg")');
  expect([...secrets.values()]).toEqual(["fwCfg of VirtualMachine web, as JSON"]);
});

test("what a document hands over to the guest is a secret as well, wherever it is written or told", () => {
  const overlay = {
    devices: { graphics: [{ type: "vnc", passwd: "geheim1" }] },
    sysinfo: [{ type: "fwcfg", entry: [{ name: "opt/ignition", value: "geheim2,geheim2" }] }],
    "qemu:commandline": { arg: [{ value: "-S" }], env: [{ name: "TOKEN", value: "geheim3" }] },
  };
  const entry = { handler: virtualMachine, name: "web", id: web.uuid, inputs: { ...web, graphics: {}, overlay } };
  const { text, secrets } = programOf([entry], { adopt: false });
  expect(text).not.toContain("geheim");
  expect(text).toContain('"-S"');
  expect([...secrets.keys()]).toEqual([
    "web-overlay-devices-graphics-0-passwd",
    "web-overlay-sysinfo-0-entry-0-value",
    "web-overlay-qemu-commandline-env-0-value",
  ]);
  const file = importFile([{ entry, state: entry.inputs }], { organization: "o", project: "p", stack: "s" });
  expect(JSON.parse(file).resources[0].inputs.overlay).toMatchObject({
    sysinfo: [{ entry: [{ value: { plaintext: '"geheim2,geheim2"' } }] }],
    "qemu:commandline": { env: [{ value: { plaintext: '"geheim3"' } }] },
  });
  const document = parse("<domain><sysinfo type='fwcfg'><entry name='opt/a'>geheim</entry></sysinfo></domain>");
  const bare = () => parse("<domain/>");
  const { reasons } = take({ handler: virtualMachine, meta, values: web, document, compose: bare, apply: bare });
  expect(reasons).toContain("sysinfo.entry.value would be lost");
});

test("a partial document with a secret in it is one promise, as its type wants", () => {
  const overlay = { "qemu:commandline": { env: [{ name: "TOKEN", value: "geheim" }] } };
  const entry = { handler: virtualMachine, name: "web", id: web.uuid, inputs: { ...web, graphics: {}, overlay } };
  expect(programOf([entry], { adopt: false }).text).toMatch(
    /overlay: pulumi\.output\(\{[\s\S]*requireSecret.*[\s\S]*\}\),/,
  );
  const cookies = { devices: { disk: [{ source: { cookies: { cookie: [{ name: "token", value: "geheim" }] } } }] } };
  const other = { ...entry, inputs: { ...entry.inputs, overlay: cookies } };
  expect(programOf([other], { adopt: false }).text).not.toContain("geheim");
});

test("each secret has a name of its own that a command line takes, whatever its machine is called", () => {
  const named = (name: string, uuid: string) => ({
    handler: virtualMachine,
    name,
    id: uuid,
    inputs: { ...web, name, uuid },
  });
  const entries = ["a b", "a-b", "\u30c7\u30fc\u30bf", "\u65e5\u672c"].map((name, index) => named(name, String(index)));
  expect([...programOf(entries, { adopt: false }).secrets.keys()]).toEqual([
    "a-b-graphics-vnc-password",
    "a-b-graphics-vnc-password-2",
    "graphics-vnc-password",
    "graphics-vnc-password-2",
  ]);
});

test("an image that a disk has in a format of its own is no reference to its volume", () => {
  const pool = { uuid: "00000000-0000-4000-8000-000000000003", name: "vms", type: "dir", path: "/p", host };
  const image = { name: "a", path: "/p/a", format: "qcow2" };
  const volume = { handler: volumeHandler, name: "a", id: `${pool.uuid}/a`, inputs: { ...image, pool, size: "1 MiB" } };
  const disks = { vda: { volume: { ...image, pool: pool.uuid, host } }, vdb: { path: "/p/a", format: "raw" } };
  const inputs = { ...web, graphics: {}, disks };
  const { text } = programOf([volume, { handler: virtualMachine, name: "web", id: web.uuid, inputs }], {
    adopt: false,
  });
  expect(text).toContain('disks: { vda: { volume: a }, vdb: { path: "/p/a", format: "raw" } }');
});

test("what was refused is told with what would be lost by it", () => {
  const document = parse("<domain><title>t</title></domain>");
  const bare = () => parse("<domain/>");
  const { reasons } = take({
    handler: virtualMachine,
    meta,
    values: { ...web, rootPorts: -1 },
    document,
    compose: bare,
    apply: bare,
  });
  expect(reasons).toEqual([expect.stringMatching(/^rootPorts /), 'title="t" would be lost']);
});

test("values are written as a person would, with names where there are names", () => {
  expect(literal({ a: 1, "b-c": ["x"], host: new Code("host"), other: new Code("host") })).toBe(
    '{ a: 1, "b-c": ["x"], host, other: host }',
  );
  const long = literal({ first: "x".repeat(60), second: "y".repeat(60) });
  expect(long).toBe(`{\n  first: "${"x".repeat(60)}",\n  second: "${"y".repeat(60)}",\n}`);
  const variables = new Variables();
  const names = ["web-01", "web-01", "01.img", "default", "host"].map((name) => variables.name(name, "volume").text);
  expect(names).toEqual(["web01", "web01Volume", "volume01Img", "defaultVolume", "host"]);
  // What a module has of its own.
  const own = ["exports", "module", "require", "eval", "undefined"].map((name) => variables.name(name, "pool").text);
  expect(own).toEqual(["exportsPool", "modulePool", "requirePool", "evalPool", "undefinedPool"]);
});

test("a filter takes domains by name, with their networks, pools and whole chains", () => {
  const found = { autostart: false, active: true, persistent: true };
  const volume = (name: string, backing?: string) => ({
    name,
    path: `/p/${name}`,
    document: parse(
      `<volume><name>${name}</name>${backing ? `<backingStore><path>/p/${backing}</path></backingStore>` : ""}</volume>`,
    ),
  });
  const domain = (name: string, source: string) => ({
    ...found,
    uuid: name,
    name,
    power: "stopped" as const,
    document: parse(
      `<domain><devices><disk>${source}</disk><interface><source network='${name}'/></interface></devices></domain>`,
    ),
  });
  const network = (name: string) => ({ ...found, uuid: name, name, document: parse("<network/>") });
  const scan = {
    domains: [
      domain("web1", "<source file='/p/top'/>"),
      domain("web2", "<source pool='vms' volume='other'/>"),
      domain("db", ""),
    ],
    networks: [network("web1"), network("db")],
    pools: [
      {
        ...found,
        uuid: "p",
        name: "vms",
        document: parse("<pool/>"),
        volumes: [volume("base"), volume("other"), volume("spare"), volume("top", "base")],
      },
      { ...found, uuid: "q", name: "empty", document: parse("<pool/>"), volumes: [] },
    ],
  };
  const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name);
  const web = select(scan, "web?");
  expect(names(web.domains)).toEqual(["web1", "web2"]);
  expect(names(web.networks)).toEqual(["web1"]);
  expect(names(web.pools)).toEqual(["vms"]);
  expect(names(web.pools[0]?.volumes ?? [])).toEqual(["base", "other", "top"]);
  expect(names(select(scan, "[!w]*").domains)).toEqual(["db"]);
  expect(() => select(scan, "[")).toThrow(/is no pattern/);
});

test("nothing is overwritten, and what holds passwords is for its owner alone", async () => {
  writeFileSync(join(folder, "index.ts"), "mine");
  writeFileSync(join(folder, "Pulumi.yaml"), 'name: "infra" # ours\nruntime: nodejs\n');
  const notes: string[] = [];
  const output = { result: () => undefined, note: (line: string) => notes.push(line) };
  expect(await run(["import", "qemu:///system", "--out", folder], commands, output)).toBe(1);
  expect(notes.join()).toMatch(/index\.ts would be overwritten; nothing was written/);
  expect(await run(["import", "vbox:///x", "--out", folder], commands, output)).toBe(1);
  expect(notes.join()).toMatch(/driver "vbox" is not one of qemu/);
  const project = new Project(folder);
  expect(project.name("rack 1")).toBe("infra");
  expect(new Project(join(folder, "none")).name("rack 1")).toBe("rack-1");
  project.write("import.json", "{}", true);
  expect(statSync(join(folder, "import.json")).mode & 0o777).toBe(0o600);
  expect(project.complete("infra", "^1.0.0")).toEqual(["package.json", "tsconfig.json"]);
  expect(readFileSync(join(folder, "index.ts"), "utf8")).toBe("mine");
});

test("versions and names", () => {
  expect([isAtLeast("3.259.0", "3.259.0"), isAtLeast("4.0.0", "3.259.0"), isAtLeast("3.258.9", "3.259.0")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(
    [
      "qemu:///system",
      "qemu+ssh://root@rack1.example:22/system",
      "qemu+tls://10.0.0.1/system",
      "qemu+ssh://root@[fd00::1]:22/system",
    ].map(hostName),
  ).toEqual(["local", "rack1", "10.0.0.1", "fd00-1"]);
});
