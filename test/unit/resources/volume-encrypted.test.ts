import type { Context, Values } from "../../../provider/core/handler";
import { errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { volume } from "../../../provider/resources/volume";

const pool = { uuid: "2222", name: "vms", type: "dir", path: "/srv/vms", host: { uri: "qemu+ssh://rack1/system" } };
const secret = { type: "passphrase", uuid: "33333333-2222-4333-8444-555555555555" };
const overlay = { target: { encryption: { format: "luks", secret } } };
const inputs = { pool, name: "root", path: "/srv/vms/root", format: "qcow2", size: "1 GiB", overlay };

/** A libvirt that has made the volume, and forgets its secret when it looks at the pool anew. */
class Daemon {
  private isMade = false;
  encryption = `<encryption format="luks"><secret type="passphrase" uuid="${secret.uuid}"/></encryption>`;

  readonly warnings: string[] = [];
  readonly context = {
    connect: async () => ({ call: this.call, download: async () => [Buffer.from([0x51, 0x46, 0x49, 0xfb])] }),
    signal: new AbortController().signal,
    warn: (message: string) => this.warnings.push(message),
  } as unknown as Context;

  private readonly call = async (procedure: string): Promise<unknown> => {
    const vol = { pool: "vms", name: "root", key: "/srv/vms/root" };
    if (procedure === "STORAGE_VOL_LOOKUP_BY_NAME" && !this.isMade)
      throw new LibvirtError(errorCode.noStorageVolume, 18, "no", procedure);
    if (procedure === "STORAGE_VOL_CREATE_XML") this.isMade = true;
    if (procedure === "STORAGE_POOL_GET_XML_DESC")
      return { xml: "<pool><target><path>/srv/vms</path></target></pool>" };
    if (procedure === "STORAGE_VOL_RESIZE")
      throw new LibvirtError(27, 18, "XML error: no secret provided for luks encryption", procedure);
    const xml = `<volume><capacity>1073741824</capacity><target><path>${vol.key}</path><format type="qcow2"/>${this.encryption}</target></volume>`;
    return { vol, xml, name: vol.key, domains: [], pools: [] };
  };
}

const drift = async (daemon: Daemon, state: Values) => {
  const seen = await volume.read("id", state, daemon.context);
  return volume.diff("id", { ...seen?.state, ...seen?.inputs }, inputs).changes;
};

test("an encrypted volume is the same when libvirt has forgotten its secret, and another one when it is not encrypted", async () => {
  const daemon = new Daemon();
  const { state } = await volume.create(inputs, daemon.context);
  expect(await drift(daemon, state)).toEqual([]);
  daemon.encryption = '<encryption format="luks"/>';
  expect(await drift(daemon, state)).toEqual([]);
  // As states had it that an earlier version wrote.
  const same = "size overlay.target.encryption.format";
  const applied = { overlay: { target: { encryption: { secret: [secret] } } } };
  expect(await drift(daemon, { ...state, __kvm: { stateVersion: 1, defaultsVersion: 1, same, applied } })).toEqual([]);
  daemon.encryption = "";
  await expect(drift(daemon, state)).rejects.toThrow(/overlay cannot change without a new volume/);
});

test("one that is adopted is encrypted where the program says so, and its container is told of where it does not", async () => {
  const daemon = new Daemon();
  await volume.create(inputs, daemon.context);
  const adopt = (more: Values) => volume.create({ ...inputs, adopt: true, ...more }, daemon.context);
  await adopt({});
  expect(daemon.warnings).toEqual([]);
  await adopt({ overlay: undefined });
  expect(daemon.warnings).toEqual([expect.stringContaining("Volume root holds a LUKS container")]);
  daemon.encryption = "";
  await expect(adopt({})).rejects.toThrow(/adopt Volume root .*it is not encrypted; it was left untouched/);
  await adopt({ overlay: undefined, pool: { ...pool, type: "logical" } });
  expect(daemon.warnings).toHaveLength(1);
});

test("one whose secret libvirt has forgotten is grown by its guest, and the refusal says so", async () => {
  const daemon = new Daemon();
  const { id, state } = await volume.create(inputs, daemon.context);
  await expect(volume.update(id, state, { ...inputs, size: "2 GiB" }, daemon.context)).rejects.toThrow(
    /no secret provided.*\n.*grow it while a guest that has it runs/,
  );
});
