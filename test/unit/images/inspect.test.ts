import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageError } from "../../../provider/images/image-error";
import { inspectImage } from "../../../provider/images/inspect";
import { openImageFile } from "../../../provider/images/source";
import { writeIso } from "../../../provider/seed/iso9660";

const MIB = 1024 * 1024;
const SIZE = 40n * BigInt(MIB);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kvm-img-"));
  qemuImg("create", "-f", "raw", join(folder, "base.raw"), "4M");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function qemuImg(...args: string[]): void {
  execFileSync("qemu-img", args, { stdio: ["ignore", "pipe", "pipe"] });
}

let count = 0;
function create(...args: string[]): string {
  count += 1;
  const path = join(folder, `image-${count}`);
  qemuImg("create", ...args, path, ...(args.includes("-b") ? [] : ["40M"]));
  return path;
}

const inspectFile = async (path: string) => inspectImage((await openImageFile(path)).read);
const inspectBytes = (bytes: Buffer) => inspectImage(async (offset, length) => bytes.subarray(offset, offset + length));

describe("images made by qemu-img", () => {
  it.each([
    ["qcow2", "-f", "qcow2"],
    ["qcow2", "-f", "qcow2", "-o", "cluster_size=512"],
    ["qcow2", "-f", "qcow2", "-o", "cluster_size=2M,extended_l2=on"],
    ["qcow2", "-f", "qcow2", "-o", "preallocation=metadata,lazy_refcounts=on,compression_type=zstd"],
    ["qed", "-f", "qed"],
    ["vmdk", "-f", "vmdk"],
    ["vmdk", "-f", "vmdk", "-o", "subformat=streamOptimized"],
    ["vhdx", "-f", "vhdx"],
    ["vhdx", "-f", "vhdx", "-o", "subformat=fixed"],
    ["vpc", "-f", "vpc", "-o", "force_size=on"],
    ["vdi", "-f", "vdi"],
  ])("%s by %s %s %s %s", async (format, ...args) => {
    const info = await inspectFile(create(...args));
    expect(info).toMatchObject({ format, virtualSize: SIZE });
    expect(info.backingFile).toBeUndefined();
    expect(info.dataFile ?? false).toBe(false);
    expect(info.encrypted ?? false).toBe(false);
  });

  it("knows raw and parallels", async () => {
    expect(await inspectFile(create("-f", "raw"))).toEqual({ format: "raw", virtualSize: undefined });
    expect(await inspectFile(create("-f", "parallels"))).toMatchObject({ format: "parallels" });
  });

  it.each([["0.10"], ["1.1"]])("finds backing file and format of qcow2 %s", async (compat) => {
    const backing = join(folder, "base.raw");
    const path = create("-f", "qcow2", "-o", `compat=${compat}`, "-b", backing, "-F", "raw");
    expect(await inspectFile(path)).toEqual({
      format: "qcow2",
      virtualSize: 4n * BigInt(MIB),
      backingFile: backing,
      backingFormat: "raw",
      dataFile: false,
      encrypted: false,
      compat,
    });
  });

  it("keeps a backing specification in JSON as it is", async () => {
    const json = `json:{"driver":"raw","file":{"driver":"file","filename":"${join(folder, "base.raw")}"}}`;
    const info = await inspectFile(create("-f", "qcow2", "-b", json, "-F", "raw"));
    expect(JSON.parse(info.backingFile?.slice("json:".length) ?? "")).toMatchObject({ driver: "raw" });
  });

  it("finds external data files and encryption of qcow2", async () => {
    const external = create("-f", "qcow2", "-o", `data_file=${join(folder, "data")}`);
    expect(await inspectFile(external)).toMatchObject({ dataFile: true, encrypted: false });
    // Not LUKS: making its key slots needs quiet CPUs, else qemu-img fails ("Unable to get accurate CPU usage").
    const aes = create(
      "-f",
      "qcow2",
      "--object",
      "secret,id=s,data=x",
      "-o",
      "encrypt.format=aes,encrypt.key-secret=s",
    );
    expect(await inspectFile(aes)).toMatchObject({ dataFile: false, encrypted: true });
  });

  it("finds parents and other files of vmdk and qed", async () => {
    const parent = create("-f", "vmdk");
    expect(await inspectFile(create("-f", "vmdk", "-b", parent, "-F", "vmdk"))).toMatchObject({ backingFile: parent });
    expect(await inspectFile(create("-f", "vmdk", "-o", "subformat=monolithicFlat"))).toMatchObject({
      virtualSize: SIZE,
      dataFile: true,
    });
    const base = join(folder, "base.raw");
    expect(await inspectFile(create("-f", "qed", "-b", base, "-F", "raw"))).toMatchObject({
      backingFile: base,
      backingFormat: "raw",
    });
  });
});

describe("other files", () => {
  it.each([
    ["gzip", "1f8b0800"],
    ["xz", "fd377a585a00"],
    ["zstd", "28b52ffd"],
    ["bzip2", "425a6839"],
    ["zip", "504b0304"],
  ])("%s", async (format, hex) => {
    expect((await inspectBytes(Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(600)]))).format).toBe(format);
  });

  it("knows LUKS, on its own and inside qcow2", async () => {
    const luks = Buffer.concat([Buffer.from("LUKS\xba\xbe", "latin1"), Buffer.alloc(600)]);
    expect(await inspectBytes(luks)).toMatchObject({ format: "luks", encrypted: true });
    const qcow2 = readFileSync(create("-f", "qcow2"));
    qcow2.writeUInt32BE(2, 32);
    expect(await inspectBytes(qcow2)).toMatchObject({ format: "qcow2", encrypted: true });
  });

  it("knows an ISO, an empty file and a short one", async () => {
    expect((await inspectBytes(writeIso("CIDATA", []))).format).toBe("iso");
    expect((await inspectBytes(Buffer.alloc(0))).format).toBe("raw");
    expect((await inspectBytes(Buffer.from("QF"))).format).toBe("raw");
  });
});

describe("malformed qcow2", () => {
  let good: Buffer;
  beforeAll(() => {
    good = readFileSync(create("-f", "qcow2", "-o", "backing_fmt=raw", "-b", join(folder, "base.raw")));
  });
  const patched = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };

  it.each<[string, (bytes: Buffer) => void, string]>([
    ["version 1", (b) => b.writeUInt32BE(1, 4), "version 1"],
    ["version 4", (b) => b.writeUInt32BE(4, 4), "version 4"],
    ["tiny clusters", (b) => b.writeUInt32BE(8, 20), "2^8"],
    ["huge clusters", (b) => b.writeUInt32BE(63, 20), "2^63"],
    ["a disk larger than its table", (b) => b.writeBigUInt64BE(2n ** 60n, 24), "first-level table"],
    ["a huge table", (b) => b.writeUInt32BE(0xffffffff, 36), "first-level table"],
    ["unknown encryption", (b) => b.writeUInt32BE(7, 32), "encryption method 7"],
    ["unknown features", (b) => b.writeBigUInt64BE(1n << 40n, 72), "0x10000000000"],
    ["the corrupt mark", (b) => b.writeBigUInt64BE(2n, 72), "marked as corrupt"],
    ["a short header", (b) => b.writeUInt32BE(72, 100), "a header of 72 bytes"],
    ["a huge header", (b) => b.writeUInt32BE(0xfffffff8, 100), "a header of"],
    ["a backing name far away", (b) => b.writeBigUInt64BE(2n ** 50n, 8), "outside of the first cluster"],
    ["a backing name in the header", (b) => b.writeBigUInt64BE(8n, 8), "outside of the first cluster"],
    ["a huge backing name", (b) => b.writeUInt32BE(5000, 16), "5000 bytes"],
    ["a huge extension", (b) => b.writeUInt32BE(0xfffffff0, b.readUInt32BE(100) + 4), "header extension"],
  ])("refuses %s", async (_, change, message) => {
    const refused = inspectBytes(patched(change));
    await expect(refused).rejects.toThrow(ImageError);
    await expect(refused).rejects.toThrow(message);
  });

  it("refuses every truncation inside the header, and never hangs", async () => {
    for (const length of [4, 71, 72, 103, 104, 110, 130, 300]) {
      await expect(inspectBytes(good.subarray(0, length))).rejects.toThrow("the file ends before byte");
    }
  });

  it("refuses truncated vhdx and vdi", async () => {
    const vhdx = create("-f", "vhdx");
    truncateSync(vhdx, 200_000);
    await expect(inspectFile(vhdx)).rejects.toThrow("vhdx header is malformed");
    const vdi = create("-f", "vdi");
    truncateSync(vdi, 100);
    await expect(inspectFile(vdi)).rejects.toThrow("vdi header is malformed");
    writeFileSync(vhdx, "vhdxfile");
    await expect(inspectFile(vhdx)).rejects.toThrow("the file ends before byte");
  });
});
