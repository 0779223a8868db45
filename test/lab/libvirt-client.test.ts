import { createHash, randomBytes } from "node:crypto";
import { type Connection, connect } from "../../provider/libvirt/connection";
import { ConnectionLost, LibvirtError } from "../../provider/libvirt/errors";
import { openDialer } from "../../provider/transport/open";
import { type Lab, type Root, startLab } from "./lab";

const mebi = 1024 * 1024;
const pool = { name: "p", uuid: "aaaaaaaa-0000-4000-8000-000000000001" };
let lab: Lab;

describe.each<[string, Root, number]>([
  ["9.0", "machine", 9_000_000],
  ["11.3", "trixie", 11_003_000],
])("libvirt %s", (_version, root, version) => {
  beforeAll(async () => {
    lab = await startLab({ root });
    await lab.host.exec("mkdir -p /srv/p");
    await lab.host.exec(
      `printf "<pool type='dir'><name>p</name><uuid>${pool.uuid}</uuid><target><path>/srv/p</path></target></pool>" > /root/p.xml; virsh -q pool-define /root/p.xml; virsh -q pool-start p`,
    );
  }, 60_000);

  afterAll(() => lab.stop());

  describe.each([
    ["a unix socket", () => lab.host.socketUri],
    ["ssh", () => lab.host.uri],
  ])("over %s", (_way, uri) => {
    it("knows the host and pipelines calls", () =>
      using(uri(), async (connection) => {
        expect(connection.hostUuid).toBe(lab.host.uuid);
        expect(connection.version).toBe(version);
        const calls = Array.from({ length: 200 }, () => connection.call("CONNECT_GET_HOSTNAME", {}));
        expect(new Set((await Promise.all(calls)).map(({ hostname }) => hostname))).toEqual(new Set(["host1.lab"]));
      }));

    it(
      "uploads and downloads sparse data without a changed byte",
      () =>
        using(uri(), async (connection) => {
          const content = Buffer.alloc(24 * mebi);
          randomBytes(3 * mebi).copy(content, 5 * mebi);
          randomBytes(12345).copy(content, 20 * mebi + 7);
          const volume = await makeVolume(connection, "sparse.raw", content.length);
          await connection.upload(volume, blocks(content), { sparse: true });
          const { stdout } = await lab.host.exec(
            "sha256sum /srv/p/sparse.raw; du -m --apparent-size /srv/p/sparse.raw; du -m /srv/p/sparse.raw",
          );
          const [checksum = "", apparent = "", used = ""] = stdout.split("\n");
          expect(checksum.split(" ")[0]).toBe(sha256(content));
          expect(Number.parseInt(apparent, 10)).toBe(24);
          expect(Number.parseInt(used, 10)).toBeLessThan(8);
          for (const sparse of [true, false]) {
            const received: Buffer[] = [];
            for await (const chunk of await connection.download(volume, { sparse })) received.push(chunk as Buffer);
            expect(sha256(Buffer.concat(received))).toBe(sha256(content));
          }
          await connection.call("STORAGE_VOL_DELETE", { vol: volume, flags: 0 });
        }),
      60_000,
    );

    it(
      "runs 32 uploads at once",
      () =>
        using(uri(), async (connection) => {
          const content = randomBytes(mebi);
          const names = Array.from({ length: 32 }, (_, index) => `many-${index}.raw`);
          await Promise.all(
            names.map(async (name) => {
              const volume = await makeVolume(connection, name, content.length);
              await connection.upload(volume, blocks(content));
            }),
          );
          const { stdout } = await lab.host.exec(
            "sha256sum /srv/p/many-*.raw; rm /srv/p/many-*.raw; virsh -q pool-refresh p",
          );
          const sums = stdout
            .trim()
            .split("\n")
            .map((line) => line.split(" ")[0]);
          expect(sums.filter((sum) => sum === sha256(content))).toHaveLength(32);
        }),
      120_000,
    );
  });

  it("tells libvirt's error by its number", () =>
    using(lab.host.socketUri, async (connection) => {
      const call = connection.call("DOMAIN_LOOKUP_BY_NAME", { name: "nobody" });
      await expect(call).rejects.toMatchObject({ name: "LibvirtError", code: 42 });
    }));

  it("refuses a procedure that the host's libvirt does not have, in words, and leaves the others to libvirt", () =>
    using(lab.host.socketUri, async (connection) => {
      const args = { dom: { name: "", uuid: pool.uuid, id: -1 }, group: "g", flags: 0 };
      const isOld = connection.version < 11_002_000;
      await expect(connection.call("DOMAIN_DEL_THROTTLE_GROUP", args)).rejects.toThrow(
        isOld ? /needs libvirt 11\.2\.0, the host has (\d|10|11\.[01])\./ : /no domain with matching uuid/,
      );
    }));

  it("delivers events while calls go on", () =>
    using(lab.host.socketUri, async (connection) => {
      const seen: string[] = [];
      const stop = await connection.onDomainEvent((event) => seen.push(`${event.kind} ${event.uuid}`));
      const uuid = "bbbbbbbb-0000-4000-8000-000000000001";
      const xml = `<domain type="qemu"><name>e</name><uuid>${uuid}</uuid><memory unit="MiB">32</memory><os><type>hvm</type></os></domain>`;
      const { dom } = await connection.call("DOMAIN_DEFINE_XML", { xml });
      await connection.call("DOMAIN_UNDEFINE_FLAGS", { dom, flags: 0 });
      const end = Date.now() + 5000;
      while (seen.length < 2 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
      stop();
      expect(seen).toEqual([`lifecycle ${uuid}`, `lifecycle ${uuid}`]);
    }));

  it(
    "rejects what was under way when the daemon dies, and works again when it is back",
    () =>
      using(lab.host.socketUri, async (connection) => {
        const uploading = makeVolume(connection, "cut.raw", 64 * mebi).then((volume) =>
          connection.upload(volume, slowly()),
        );
        const outcome = uploading.catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await lab.host.killLibvirtd();
        expect(await outcome).toBeInstanceOf(ConnectionLost);
        await lab.host.startLibvirtd();
        await lab.host.virsh("pool-start", "p").catch(() => undefined);
        const { hostname } = await connection.call("CONNECT_GET_HOSTNAME", {});
        expect(hostname).toBe("host1.lab");
      }),
    60_000,
  );

  it(
    "gives up a channel whose call is not answered in time, and says so",
    () =>
      using(lab.host.socketUri, async (connection) => {
        await lab.host.exec("kill -STOP $(cat /run/libvirtd.pid)");
        try {
          const call = connection.call("CONNECT_GET_HOSTNAME", {}, { timeout: 1 });
          await expect(call).rejects.toThrow(/not answered within 1 s/);
        } finally {
          await lab.host.exec("kill -CONT $(cat /run/libvirtd.pid)");
        }
        expect((await connection.call("CONNECT_GET_HOSTNAME", {})).hostname).toBe("host1.lab");
      }),
    60_000,
  );

  it("speaks to the test driver through the daemon", () =>
    using(lab.host.socketUri.replace("qemu+unix:///system", "test+unix:///default"), async (connection) => {
      const { domains } = await connection.call("CONNECT_LIST_ALL_DOMAINS", { needResults: 1, flags: 0 });
      expect(domains.map(({ name }) => name)).toEqual(["test"]);
      await expect(connection.call("DOMAIN_LOOKUP_BY_NAME", { name: "x" })).rejects.toBeInstanceOf(LibvirtError);
    }));
});

async function using<T>(uri: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const dialer = openDialer({ uri });
  const connection = await connect({ uri, driverUri: dialer.driverUri, dialer });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function* blocks(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += mebi) yield content.subarray(at, at + mebi);
}

function volumeXml(name: string, size: number): string {
  return `<volume><name>${name}</name><capacity>${size}</capacity><allocation>0</allocation><target><format type="raw"/></target></volume>`;
}

async function makeVolume(connection: Connection, name: string, size: number) {
  return (await connection.call("STORAGE_VOL_CREATE_XML", { pool, xml: volumeXml(name, size), flags: 0 })).vol;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function* slowly(): AsyncGenerator<Buffer> {
  for (let count = 0; count < 60; count++) {
    yield randomBytes(mebi);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
