import { createServer, type Socket } from "node:net";
import { argumentsOf, hidden, metaOf, unroutable } from "./arguments";
import { type Properties, ProviderProcess, secret, unknownOnWire } from "./provider-process";

const provider = new ProviderProcess();
/** Of the next deployment. */
const later = new ProviderProcess();

beforeAll(() => Promise.all([provider.start(), later.start()]));
afterAll(() => Promise.all([provider.stop(), later.stop()]));

const all = argumentsOf(unroutable);
const classes = Object.keys(all);

function wire(type: string, args: Properties = all[type] ?? {}, name = "db"): Properties {
  return { ...args, ...hidden(type, name) };
}

async function checked(type: string, args?: Properties, name?: string): Promise<Properties> {
  const { inputs, failures } = await provider.check(wire(type, args, name));
  expect(failures).toEqual([]);
  return inputs;
}

describe("what lives in every user's state", () => {
  test("the classes are these", () => {
    expect(classes).toEqual(Object.keys(vectors));
  });

  test.each(classes)("%s: identity, names and addresses are these bytes", async (type) => {
    const inputs = await checked(type);
    expect(inputs).toMatchObject(vectors[type] ?? {});
  });

  test.each(classes)("%s: the hidden inputs are kept as they came", async (type) => {
    expect(await checked(type)).toMatchObject(hidden(type, "db"));
  });

  test("the same program in another stack, project or organization is other objects", async () => {
    const one = await checked("VirtualMachine");
    const text = String(hidden("VirtualMachine", "db")["__meta"]);
    for (const part of [/(?<=organization":")organization/, /(?<=::)shop(?=::)/, /(?<=pulumi:)dev/]) {
      expect(text).toMatch(part);
      const { inputs } = await provider.check({ ...wire("VirtualMachine"), __meta: text.replace(part, "another") });
      expect(inputs["uuid"]).not.toBe(one["uuid"]);
      expect(inputs["name"]).not.toBe(one["name"]);
    }
  });

  test("a state of before, where they are an object, is of the same objects", async () => {
    const meta = { ...metaOf("VirtualMachine", "db"), project: "shop", stack: "dev", timeouts: {}, secretPaths: [] };
    const { inputs } = await provider.check({ ...wire("VirtualMachine"), __meta: meta });
    expect(inputs).toEqual({ ...(await checked("VirtualMachine")), __meta: meta });
  });

  test("a value is spelt one way, whatever way it was written", async () => {
    const args = { ...all["VirtualMachine"], memory: "4096 MiB", stopTimeout: 120 };
    expect(await checked("VirtualMachine", args)).toMatchObject({ memory: "4 GiB", stopTimeout: "2 min" });
  });
});

describe("check and diff", () => {
  test("use no network, and take a few milliseconds", async () => {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const here = argumentsOf(`qemu+tcp://127.0.0.1:${port}/system`);
    const started = Date.now();
    for (const args of [all, here]) {
      for (const type of classes) {
        const inputs = await checked(type, args[type]);
        await provider.diff("id", inputs, inputs);
      }
    }
    const perCall = (Date.now() - started) / (4 * classes.length);
    listener.close();
    expect(sockets).toHaveLength(0);
    expect(perCall).toBeLessThan(50);
  });

  test.each(classes)("%s: what was checked again is no change", async (type) => {
    const olds = await checked(type);
    const { inputs } = await provider.check(wire(type), olds);
    expect(inputs).toEqual(olds);
    expect(await provider.diff("id", olds, inputs)).toMatchObject({ changes: "none", replaces: [] });
  });

  test.each(classes)(
    "%s: another urn alone is nothing on the host (rename by alias), and its urn in the state",
    async (type) => {
      const olds = await checked(type);
      const { inputs } = await later.check(wire(type, undefined, "renamed"), olds);
      const identity = ["uuid", "bridge", "nics", "disks"];
      for (const key of identity) expect(inputs[key]).toEqual(olds[key]);
      const changes = ["Network", "StoragePool", "Volume", "VirtualMachine"].includes(type) ? "some" : "none";
      expect(await later.diff("id", olds, inputs)).toMatchObject({ changes, replaces: [] });
    },
  );

  test.each(["Network", "StoragePool", "Volume", "CloudInitDisk", "VirtualMachine"])(
    "%s: a new resource under the former name of one that was renamed is refused",
    async (type) => {
      const olds = await checked(type);
      await later.check(wire(type, undefined, "renamed"), olds);
      const { failures } = await later.check(wire(type));
      const property = olds["uuid"] === undefined ? "name" : "uuid";
      const said = `^${property}: .*is that of the resource "renamed" already.*call this resource otherwise`;
      expect(failures).toEqual([{ property: "", reason: expect.stringMatching(said) }]);
    },
  );

  test.each(["Network", "StoragePool", "VirtualMachine"])(
    "%s: two resources of a program cannot adopt one object by its name",
    async (type) => {
      const args = { ...all[type], name: "legacy", adopt: true };
      const faultsOf = async (name: string) => (await later.check(wire(type, args, name))).failures;
      expect(await faultsOf("one")).toEqual([]);
      const reason = expect.stringMatching(/^name: legacy is what the resource "one" is called on that host already/);
      expect(await faultsOf("two")).toEqual([{ property: "", reason }]);
      expect(await faultsOf("one")).toEqual([]);
    },
  );

  test.each(classes)("%s: any argument may be unknown, whole or in its leaves", async (type) => {
    const args = all[type] ?? {};
    for (const key of Object.keys(args)) {
      const { failures } = await provider.check(wire(type, { ...args, [key]: unknownOnWire }));
      expect([key, failures]).toEqual([key, []]);
    }
    const { inputs, failures } = await provider.check(wire(type, blur(args) as Properties));
    expect(failures).toEqual([]);
    const olds = await checked(type);
    expect((await provider.diff("id", olds, inputs)).changes).toMatch(/unknown|none/);
  });

  test.each(classes)("%s: a misspelt attribute is refused with the one that was meant", async (type) => {
    const [known = ""] = Object.keys(all[type] ?? {});
    const misspelt = `${known}x`;
    const { failures } = await provider.check(wire(type, { ...all[type], [misspelt]: "1" }));
    const reason = expect.stringMatching(`^${misspelt}: .*did you mean "${known}"\\?`);
    expect(failures).toContainEqual({ property: "", reason });
  });

  test("all that is wrong is told at once, each with its path", async () => {
    const args = {
      ...all["VirtualMachine"],
      memory: "a lot",
      disks: { root: { bus: "floppy", path: "relative" } },
      nics: {
        lan: { bridge: "br0", mac: "01:00:00:00:00:00" },
      },
      autostrat: true,
    };
    const { failures } = await provider.check(wire("VirtualMachine", args));
    const paths = failures.map(({ reason }) => String(reason).split(": ")[0]);
    expect(paths).toEqual(
      expect.arrayContaining(["autostrat", "memory", "disks.root.bus", "disks.root.path", "nics.lan.mac"]),
    );
  });

  test("a change is left to the engine to compare, a replacement deletes first", async () => {
    const olds = await checked("Network");
    const live = await checked("Network", { ...all["Network"], autostart: false });
    expect(await provider.diff("id", olds, live)).toEqual({
      changes: "unknown",
      replaces: [],
      deleteBeforeReplace: true,
    });
    const other = await checked("Network", { ...all["Network"], name: "another" });
    expect(await provider.diff("id", olds, other)).toEqual({
      changes: "unknown",
      replaces: ["name"],
      deleteBeforeReplace: true,
    });
  });

  test("what a refresh noted of the running guest is a change, though the inputs are the same", async () => {
    const inputs = await checked("VirtualMachine");
    const state = { ...inputs, __kvm: secret({ stateVersion: 1, memo: secret({ run: "1", behind: ["title"] }) }) };
    const [same, other] = [
      { replaces: [], deleteBeforeReplace: true },
      { ...all["VirtualMachine"], autostart: false },
    ];
    expect(await provider.diff("id", state, inputs)).toEqual({ changes: "some", ...same });
    expect(await provider.diff("id", state, await checked("VirtualMachine", other))).toEqual({
      changes: "unknown",
      ...same,
    });
    expect(await provider.diff("id", inputs, inputs)).toEqual({ changes: "none", ...same });
  });

  test("a cloud-init medium is made before the old one goes", async () => {
    const olds = await checked("CloudInitDisk");
    const news = await checked("CloudInitDisk", { ...all["CloudInitDisk"], userData: { hostname: "other" } });
    const { replaces, deleteBeforeReplace } = await provider.diff("id", olds, news);
    expect(replaces).toEqual(expect.arrayContaining(["userData", "name"]));
    expect(deleteBeforeReplace).toBe(false);
    expect(news["name"]).not.toBe(olds["name"]);
  });

  test("a refused change says why and what to do, without a stack", async () => {
    const olds = await checked("Volume");
    const news = await checked("Volume", { ...all["Volume"], size: "1 GiB" });
    const before = provider.output.length;
    await expect(provider.diff("id", olds, news)).rejects.toThrow(/cannot shrink to 1 GiB.*What to do/s);
    expect(provider.output.slice(before)).not.toMatch(/^\s+at /m);
  });
});

describe("secrets", () => {
  test("userData is wrapped in the checked inputs, always", async () => {
    const { inputs } = await provider.check(wire("CloudInitDisk"));
    expect(inputs["userData"]).toEqual(secret({ hostname: "db" }));
  });

  test("so is whatever the program made secret", async () => {
    const meta = hidden("VirtualMachine", "db", { secretPaths: ["title", "disks.root.serial"] });
    const disks = { root: { path: "/srv/vms/a.raw", serial: "S1" } };
    const { inputs } = await provider.check({ ...all["VirtualMachine"], title: "hidden", disks, ...meta });
    expect(inputs).toMatchObject({ title: secret("hidden"), disks: { root: { serial: secret("S1") } } });
  });

  test("a wrapped secret is read like a plain value", async () => {
    const olds = await checked("CloudInitDisk");
    const clear = { ...olds, userData: { hostname: "db" } };
    expect(await provider.diff("id", olds, clear)).toMatchObject({ changes: "none" });
  });
});

describe("who cannot be reached, and who has gone", () => {
  test("a host that nobody answers for is named without a stack", async () => {
    const silent = "qemu+tcp://127.0.0.1:1/system";
    const host = { ...(all["Network"]?.["host"] as Properties), uri: silent };
    const state = await checked("Network", { ...all["Network"], host });
    const before = provider.output.length;
    await expect(provider.delete(String(state["uuid"]), state)).rejects.toThrow(/127\.0\.0\.1:1.*What to do/s);
    expect(provider.output.slice(before)).not.toMatch(/^\s+at /m);
  });

  test("a provider ends after its engine, though that went piece by piece", async () => {
    const other = new ProviderProcess();
    await other.start();
    // The call that loads the provider is the only one.
    await other.check(wire("Host"));
    expect(await other.abandon()).toBeLessThan(5000);
  });
});

/** Derived from organization, project, stack and urn, once and for ever. */
const vectors: Readonly<Record<string, Properties>> = {
  Host: {},
  Network: { uuid: "0f282a0b-baa7-5ad3-9a9f-9aab9d6d7d72", name: "db-0f282a0", bridge: "kvm0f282a0b" },
  StoragePool: { uuid: "8596ac9f-ecc3-5305-a0d6-955ce7b9c87b", name: "db-8596ac9" },
  Volume: { name: "db-f4b1383.qcow2", path: "/srv/vms/db-f4b1383.qcow2" },
  CloudInitDisk: { name: "db-d1fc0c6-07f2d2457484.iso", path: "/srv/vms/db-d1fc0c6-07f2d2457484.iso" },
  PlacementGroup: {},
  VirtualMachine: {
    uuid: "9c914058-3033-58f4-919c-b4f65547babc",
    name: "db-9c91405",
    nics: { lan: { mac: "52:a8:e7:63:98:b9" } },
    disks: { root: { serial: "b3fa3ffc8a3afaa82400" } },
  },
};

/** Every leaf unknown, as when all comes from resources that are not made yet. */
function blur(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blur);
  if (typeof value !== "object" || value === null) return unknownOnWire;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, blur(item)]));
}
