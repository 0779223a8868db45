import type { Context } from "../../../provider/core/handler";
import { ConnectionLost, errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { LeftBehind, VolumeStore } from "../../../provider/resources/volume-store";

const host = { uri: "qemu+ssh://rack1/system" };
const pool = { uuid: "22222222-2222-3333-4444-555555555555", name: "vms", type: "dir", path: "/srv/vms", host };
const vol = { pool: "vms", name: "root.raw", key: "/srv/vms/root.raw" };

/** A host on which every upload fails, and every delete after it. */
const daemon = {
  call: async (name: string) => {
    if (name !== "STORAGE_VOL_DELETE") return { vol, xml: "<volume/>" };
    throw new LibvirtError(errorCode.internal, 18, "cannot unlink file: Read-only file system", name);
  },
  upload: async () => {
    throw new LibvirtError(errorCode.systemError, 38, "cannot write: No space left on device", "stream");
  },
};
const context = {
  connect: async () => daemon,
  signal: new AbortController().signal,
  progress: () => undefined,
} as unknown as Context;

test("an upload that failed, and whose rest stays, is one message with one advice", async () => {
  const store = await VolumeStore.open(context, pool, "Volume root.raw");
  const fill = () => store.fill(vol, { data: (async function* () {})(), length: 0n });
  const error: unknown = await store.make("root.raw", "<volume/>", fill).catch((thrown: unknown) => thrown);
  if (!(error instanceof LeftBehind)) throw error;
  expect(error.message).toBe(
    [
      "Unable to upload Volume root.raw in pool vms on qemu+ssh://rack1/system: libvirt said: cannot write: No space left on device; the half-made volume could not be deleted: libvirt said: cannot unlink file: Read-only file system",
      "  What to do: mend what failed, then run pulumi up again: it deletes the half-made volume and makes it anew",
    ].join("\n"),
  );
});

test.each([
  [9_000_000, "read ECONNRESET"],
  [11_003_000, "read ECONNRESET (a full disk ends the daemon of newer libvirts: see how much room pool vms has, by"],
])("an upload to libvirt %s whose daemon dies says what may have killed it", async (version, said) => {
  const upload = async () => {
    throw new ConnectionLost("read ECONNRESET", true);
  };
  const dying = { ...context, connect: async () => ({ ...daemon, version, upload }) } as unknown as Context;
  const store = await VolumeStore.open(dying, pool, "Volume root.raw");
  const filling = store.fill(vol, { data: (async function* () {})(), length: 0n });
  await expect(filling).rejects.toThrow(said);
  await expect(filling).rejects.toThrow(
    version === 9_000_000 ? /ECONNRESET; libvirt may/ : /virsh pool-info\); libvirt may/,
  );
});

describe("a pool that is busy", () => {
  const busy = (name: string) =>
    new LibvirtError(errorCode.internal, 18, "pool 'vms' has asynchronous jobs running.", name);

  test("is waited for until the deployment is cancelled", async () => {
    const stop = new AbortController();
    const call = async (name: string) => {
      setImmediate(() => stop.abort(new Error("the deployment was cancelled")));
      throw busy(name);
    };
    const waiting = { ...context, signal: stop.signal, connect: async () => ({ call }) } as unknown as Context;
    const store = await VolumeStore.open(waiting, pool, "Volume root.raw");
    await expect(store.refresh()).rejects.toMatchObject({
      code: "cancelled",
      message: expect.stringMatching(/Unable to refresh the pool of Volume root.raw.*: the deployment was cancelled/),
    });
  });

  test("is waited for after that too where it is to lose what was half made", async () => {
    const stop = new AbortController();
    const deletes: string[] = [];
    const call = async (name: string) => {
      if (name !== "STORAGE_VOL_DELETE") return { vol, xml: "<volume/>" };
      if (deletes.push(name) === 1) throw busy(name);
      return {};
    };
    const upload = async () => {
      stop.abort(new Error("the deployment was cancelled"));
      throw stop.signal.reason;
    };
    const cancelled = {
      ...context,
      signal: stop.signal,
      connect: async () => ({ call, upload }),
    } as unknown as Context;
    const store = await VolumeStore.open(cancelled, pool, "Volume root.raw");
    const fill = () => store.fill(vol, { data: (async function* () {})(), length: 0n });
    await expect(store.make("root.raw", "<volume/>", fill)).rejects.toMatchObject({ code: "cancelled" });
    expect(deletes).toHaveLength(2);
  });
});

test.each([
  ["Requested operation is not valid: storage pool 'vms' is not active", /virsh pool-start vms on the host/],
  ["Storage pool not found: no storage pool with matching uuid '2222'", /pulumi state delete/],
  ["something else", /virsh pool-list --all/],
])("where libvirt says of the pool: %s", async (said, remedy) => {
  const call = async (name: string) => {
    throw new LibvirtError(errorCode.operationInvalid, 18, said, name);
  };
  const store = await VolumeStore.open(
    { ...context, connect: async () => ({ call }) } as unknown as Context,
    pool,
    "it",
  );
  await expect(store.look("root.raw")).rejects.toThrow(remedy);
});
