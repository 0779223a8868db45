import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Values } from "../../../provider/core/handler";
import { errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { volume } from "../../../provider/resources/volume";

/** Volumes of a pool whose volumes libvirt does not grow, beside a guest that has one open. */
const host = { uri: "qemu+ssh://rack1/system" };
const pool = { uuid: "22222222-2222-3333-4444-555555555555", name: "vg0", type: "logical", path: "/dev/vg0", host };
const [name, path] = ["data", "/dev/vg0/data"];
const GiB = 1024n ** 3n;
const guest = `<domain><name>db</name><uuid>33333333-2222-3333-4444-555555555555</uuid><devices>
  <disk type="block"><source dev="${path}"/><target dev="vda"/></disk></devices></domain>`;

function hostWith(sizes: { capacity: bigint; afterRefresh?: bigint; inGuest: bigint; said?: string }) {
  const calls: [string, unknown][] = [];
  let { capacity } = sizes;
  const answers: Record<string, (args: unknown) => unknown> = {
    STORAGE_POOL_REFRESH: () => {
      capacity = sizes.afterRefresh ?? capacity;
      return {};
    },
    STORAGE_VOL_LOOKUP_BY_NAME: () => ({ vol: { pool: "vg0", name, key: path } }),
    STORAGE_VOL_GET_XML_DESC: () => ({
      xml: `<volume type="block"><name>${name}</name><capacity unit="bytes">${capacity}</capacity>
        <allocation unit="bytes">${capacity}</allocation><target><path>${path}</path></target></volume>`,
    }),
    STORAGE_VOL_GET_PATH: () => ({ name: path }),
    // None has snapshots or a saved state.
    CONNECT_LIST_ALL_DOMAINS: (args) => ({
      domains: (args as Values)["flags"] ? [] : [{ name: "db", id: 1, uuid: "33333333-2222-3333-4444-555555555555" }],
    }),
    CONNECT_LIST_ALL_STORAGE_POOLS: () => ({ pools: [] }),
    DOMAIN_GET_XML_DESC: () => ({ xml: guest }),
    DOMAIN_GET_BLOCK_INFO: () => ({ allocation: 0n, capacity: sizes.inGuest, physical: 0n }),
    DOMAIN_BLOCK_RESIZE: () => {
      if (sizes.said !== undefined) throw new LibvirtError(errorCode.internal, 10, sizes.said, "DOMAIN_BLOCK_RESIZE");
      return {};
    },
  };
  const call = async (procedure: string, args: unknown) => {
    calls.push([procedure, args]);
    const answer = answers[procedure];
    if (!answer) throw new Error(`nothing is known of ${procedure}`);
    return answer(args);
  };
  const context = { connect: async () => ({ call }), signal: new AbortController().signal } as unknown as Context;
  const grown = () => calls.flatMap(([procedure, args]) => (procedure === "DOMAIN_BLOCK_RESIZE" ? [args] : []));
  return { context, grown };
}

const state = (size: string): Values => ({ pool, name, path, format: "raw", size, onReplace: "refuse" });
const grow = (context: Context) => volume.update("id", state("1 GiB"), state("2 GiB"), context);

test("a logical volume is grown by hand, and says how", async () => {
  const { context, grown } = hostWith({ capacity: GiB, inGuest: GiB });
  await expect(grow(context)).rejects.toThrow(
    /cannot grow volumes of this kind of pool; it was left at 1 GiB\n.*lvextend -L 2147483648b \/dev\/vg0\/data\) and run pulumi up again/,
  );
  expect(grown()).toEqual([]);
});

test.each([
  ["the pool has not seen it yet", { capacity: GiB, afterRefresh: 2n * GiB, inGuest: GiB }, 1],
  ["the pool has seen it", { capacity: 2n * GiB, inGuest: GiB }, 1],
  ["the guest has it so already", { capacity: 2n * GiB, inGuest: 2n * GiB }, 0],
])("the running guest is told the new size of its logical volume: %s", async (_name, sizes, times) => {
  const { context, grown } = hostWith(sizes);
  expect(await grow(context)).toMatchObject({ capacity: "2 GiB" });
  expect(grown()).toEqual(Array(times).fill(expect.objectContaining({ disk: "vda", size: 2n * GiB })));
});

test("an encrypted logical volume: libvirt forgets that it is, and counts the header which no guest sees", async () => {
  const header = 2_068_480n;
  const start = Buffer.alloc(108);
  start.write("LUKS\xba\xbe\0\x01", "latin1");
  start.writeUInt32BE(Number(header / 512n), 104);
  const overlay = { target: { encryption: { format: "luks", secret: { type: "passphrase", uuid: pool.uuid } } } };
  const sealed = (size: string): Values => ({ ...state(size), overlay });
  const [old, next] = [sealed("1 GiB"), sealed("2 GiB")];
  for (const [inGuest, told] of [
    [GiB, [2n * GiB - header]],
    [2n * GiB - header, []],
  ] as const) {
    const { context, grown } = hostWith({ capacity: 2n * GiB, inGuest });
    const libvirt = { ...(await context.connect(host as never)), download: async () => [start] };
    const made = { ...context, connect: async () => libvirt, warn: () => undefined } as unknown as Context;
    const now = await volume.update("id", old, next, made);
    expect(grown()).toEqual(told.map((size) => expect.objectContaining({ size })));
    const seen = await volume.read("id", now, made);
    expect(volume.diff("id", { ...seen?.state, ...seen?.inputs }, next).changes).toEqual([]);
  }
});

test("a disk that a job works on is grown once that is over", async () => {
  const { context } = hostWith({ capacity: 2n * GiB, inGuest: GiB, said: "Device '(null)' is in use" });
  await expect(grow(context)).rejects.toThrow(/is in use\n.*job on that disk \(virsh blockjob db vda\)/);
});

test("one that is larger than its image is made with its size", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kvm-block-volume-"));
  const image = join(folder, "image.raw");
  writeFileSync(image, Buffer.alloc(4096, 1));
  const calls: [string, Values][] = [];
  const call = async (procedure: string, args: Values) => {
    calls.push([procedure, args]);
    if (procedure.startsWith("STORAGE_VOL_LOOKUP"))
      throw new LibvirtError(errorCode.noStorageVolume, 18, "no", procedure);
    return {
      vol: { pool: "vg0", name, key: path },
      xml: '<volume><capacity unit="bytes">1073741824</capacity></volume>',
    };
  };
  const daemon = { call, upload: async () => undefined };
  const signal = new AbortController().signal;
  const context = { connect: async () => daemon, signal, progress: () => undefined } as unknown as Context;
  try {
    await volume.create({ ...state("1 GiB"), source: { path: image } }, context);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const made = calls.find(([procedure]) => procedure === "STORAGE_VOL_CREATE_XML");
  expect(made?.[1]["xml"]).toMatch(/<capacity[^>]*>1073741824</);
  expect(calls.map(([procedure]) => procedure)).not.toContain("STORAGE_VOL_RESIZE");
});

test.each([
  [{ name: "data", path: "/dev/vg0/data" }, "/dev/mapper/vg0-data"],
  [{ name: "db-1", path: "/dev/vg-0/db-1" }, "/dev/mapper/vg--0-db--1"],
])("a logical volume %j is in use by whoever names it %s", async (volumeAt, named) => {
  const uuid = "33333333-2222-3333-4444-555555555555";
  const deleted: unknown[] = [];
  const answers: Record<string, (args: Values) => unknown> = {
    STORAGE_VOL_LOOKUP_BY_NAME: () => ({ vol: { pool: "vg0", name: volumeAt.name, key: volumeAt.path } }),
    STORAGE_VOL_GET_XML_DESC: () => ({ xml: `<volume><target><path>${volumeAt.path}</path></target></volume>` }),
    STORAGE_VOL_GET_PATH: () => ({ name: volumeAt.path }),
    CONNECT_LIST_ALL_DOMAINS: ({ flags }) => ({ domains: flags ? [] : [{ name: "db", id: -1, uuid }] }),
    CONNECT_LIST_ALL_STORAGE_POOLS: () => ({ pools: [] }),
    DOMAIN_GET_XML_DESC: () => ({ xml: guest.replace(path, named) }),
  };
  const call = async (procedure: string, args: Values) => answers[procedure]?.(args) ?? deleted.push(procedure);
  const context = { connect: async () => ({ call }), signal: new AbortController().signal } as unknown as Context;
  await expect(volume.delete("id", { ...state("1 GiB"), ...volumeAt }, context)).rejects.toThrow(
    /domain db has it as vda/,
  );
  expect(deleted).toEqual([]);
});
