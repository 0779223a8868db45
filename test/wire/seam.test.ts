import { type Lab, startLab } from "../lab/lab";
import { ProviderProcess, RpcFailure, type Values } from "./provider-process";

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
/** An address of the documentation range: nothing answers there, and a call that tried would take long. */
const nowhere = {
  uri: "qemu+ssh://root@192.0.2.1/system",
  uuid: "11111111-2222-3333-4444-555555555555",
  owner: "ab".repeat(16),
};

let provider: ProviderProcess;

beforeAll(async () => {
  provider = await ProviderProcess.start();
}, 30_000);

afterAll(() => provider.stop());

function text(type: string): string {
  return `exports.handler = () => require("pulumi-kvm/provider").${type};`;
}

function hidden(type: string, name: string): Values {
  const urn = `urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:${type}::${name}`;
  return { __provider: text(type), __meta: { organization: "organization", project: "shop", stack: "dev", urn } };
}

function network(fields: Values = {}): Values {
  return { ...hidden("Network", "lan"), host: nowhere, mode: "nat", subnets: ["10.44.0.0/24"], ...fields };
}

const pool = {
  uuid: "66666666-2222-3333-4444-555555555555",
  name: "vms",
  type: "dir",
  path: "/srv/vms",
  host: nowhere,
};

describe("the frozen table", () => {
  it.each(["Host", "Network", "StoragePool", "Volume", "CloudInitDisk", "VirtualMachine"])(
    "answers for %s",
    async (type) => {
      const { failures } = await provider.check({}, { ...hidden(type, "x"), nonsense: 1 });
      expect(failures.map(({ property }) => property)).toContain("nonsense");
    },
  );

  it("derives the same identity for ever", async () => {
    const { inputs } = await provider.check({}, network());
    expect({ uuid: inputs["uuid"], name: inputs["name"], bridge: inputs["bridge"] }).toEqual({
      uuid: "48f6eb48-c91f-5a1e-b634-d13cf7ec49e6",
      name: "lan-48f6eb4",
      bridge: "kvm48f6eb48",
    });
  });

  it("keeps an identity that the old inputs have, whatever the urn says now", async () => {
    const { inputs: old } = await provider.check({}, network());
    const { inputs } = await provider.check(old, { ...network(), ...hidden("Network", "renamed") });
    expect(inputs["uuid"]).toBe(old["uuid"]);
    expect(inputs["name"]).toBe(old["name"]);
    expect((await provider.diff("id", old, inputs)).changes).toBe(1);
  });
});

describe("check", () => {
  it("tells all faults at once, each with its path, and the nearest known name", async () => {
    const wanted = { ...network(), modee: "nat", subnets: ["10.44.0.0/33"], mtu: 12 };
    const { failures } = await provider.check({}, wanted);
    expect(failures.map(({ property }) => property).sort()).toEqual(["modee", "mtu", "subnets[0]"]);
    expect(failures.find(({ property }) => property === "modee")?.reason).toContain('did you mean "mode"');
  });

  it("takes unknown values of any shape", async () => {
    const vm = {
      ...hidden("VirtualMachine", "db"),
      host: unknown,
      vcpus: 2,
      memory: unknown,
      disks: { root: { volume: { pool: pool.uuid, name: unknown, path: unknown, format: "qcow2", host: nowhere } } },
      nics: { lan: { network: unknown } },
    };
    const { inputs, failures } = await provider.check({}, vm);
    expect(failures).toEqual([]);
    expect(inputs["memory"]).toBe(unknown);
    expect(inputs["uuid"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("and diff need no network", async () => {
    const started = Date.now();
    const { inputs } = await provider.check({}, network());
    const { inputs: next } = await provider.check(inputs, network({ subnets: ["10.45.0.0/24"] }));
    const answer = await provider.diff("id", inputs, next);
    expect(answer.changes).toBe(0);
    expect(answer.replaces).toEqual([]);
    expect(Date.now() - started).toBeLessThan(2000);
  });

  it("spells quantities in one way", async () => {
    const volume = { ...hidden("Volume", "root"), pool, size: 1073741824 };
    const { inputs } = await provider.check({}, volume);
    expect(inputs["size"]).toBe("1 GiB");
    expect(
      (await provider.diff("id", inputs, (await provider.check(inputs, { ...volume, size: "1024 MiB" })).inputs))
        .changes,
    ).toBe(1);
  });

  it("wraps user data as a secret", async () => {
    const { inputs } = await provider.check(
      {},
      { ...hidden("CloudInitDisk", "seed"), pool, userData: { password: "hush" } },
    );
    expect(inputs["userData"]).toMatchObject({ [signature]: secretSignature });
    expect(JSON.stringify({ ...inputs, userData: undefined })).not.toContain("hush");
  });
});

describe("volumes are data", () => {
  async function checked(fields: Values, olds: Values = {}): Promise<Values> {
    return (await provider.check(olds, { ...hidden("Volume", "root"), pool, ...fields })).inputs;
  }

  it("a shrink is refused", async () => {
    const old = await checked({ size: "2 GiB" });
    await expect(provider.diff("id", old, await checked({ size: "1 GiB" }, old))).rejects.toThrow(/cannot shrink/);
  });

  it("a replacement is refused, unless the program says that the data may go", async () => {
    const old = await checked({ size: "2 GiB", format: "qcow2" });
    await expect(provider.diff("id", old, await checked({ size: "2 GiB", format: "raw" }, old))).rejects.toThrow(
      /data/,
    );
    const allowed = await checked({ size: "2 GiB", format: "raw", onReplace: "destroyData" }, old);
    expect(await provider.diff("id", old, allowed)).toMatchObject({ replaces: ["format"], deleteBeforeReplace: true });
  });
});

describe("on a real host", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab();
  }, 60_000);
  afterAll(() => lab.stop());

  async function made(
    type: string,
    name: string,
    fields: Values,
  ): Promise<{ id: string; properties: Values; inputs: Values }> {
    const { inputs, failures } = await provider.check({}, { ...hidden(type, name), ...fields });
    expect(failures).toEqual([]);
    return { ...(await provider.create(inputs)), inputs };
  }

  it("creates, reads, tells what is gone from what cannot be reached, and deletes", async () => {
    const host = await made("Host", "host", { uri: lab.host.uri });
    expect(host.id).toBe(lab.host.uuid);
    const reference = { uri: lab.host.uri, uuid: host.id, owner: host.properties["owner"] };
    const lan = await made("Network", "lan", { host: reference, mode: "isolated", subnets: ["10.46.0.0/24"] });
    expect(lan.properties["__provider"]).toBe(text("Network"));
    expect(lan.properties["__meta"]).toEqual(lan.inputs["__meta"]);

    const seen = await provider.read(lan.id, lan.properties);
    expect(seen.inputs).toEqual(lan.inputs);
    expect((await provider.diff(lan.id, seen.properties, lan.inputs)).changes).toBe(1);

    await lab.host.killLibvirtd();
    const unreachable = { ...lan.properties, host: { ...reference, uri: lab.host.uri.replace(/:\d+\//, ":1/") } };
    await expect(provider.read(lan.id, unreachable)).rejects.toThrow(/Unable to/);
    await lab.host.startLibvirtd();
    expect((await provider.read(lan.id, lan.properties)).id).toBe(lan.id);

    await provider.delete(lan.id, lan.properties);
    expect((await provider.read(lan.id, lan.properties)).id).toBe("");
    await provider.delete(lan.id, lan.properties);
  }, 60_000);

  it("keeps a half-made guest in state, with all that a later call needs", async () => {
    const host = { uri: lab.host.uri, uuid: lab.host.uuid, owner: "cd".repeat(16) };
    const wanted = {
      host,
      virtType: "qemu",
      vcpus: 1,
      memory: "64 MiB",
      disks: { root: { path: "/srv/is-not-there.qcow2" } },
    };
    const failure = await made("VirtualMachine", "broken", wanted).then(
      () => undefined,
      (error: unknown) => (error instanceof RpcFailure ? error : Promise.reject(error)),
    );
    expect(failure?.failed?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(failure?.failed?.reasons.join("\n")).toMatch(/is-not-there/);
    const state = failure?.failed?.properties ?? {};
    expect(state["__provider"]).toBe(text("VirtualMachine"));
    expect(await lab.host.virsh("list", "--all", "--name")).toContain("broken");
    await provider.delete(failure?.failed?.id ?? "", state);
    expect(await lab.host.virsh("list", "--all", "--name")).not.toContain("broken");
  }, 60_000);
});
