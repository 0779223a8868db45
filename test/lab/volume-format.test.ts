import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { volumeLab } from "./volumes";

const lab = volumeLab();
const { vol } = lab;

test("an image that is not of the volume's format any more is grown as none", async () => {
  const write = (path: string, bytes: Buffer) => {
    const file = openSync(path, "r+");
    writeSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
  };
  const broken = await vol("broken").create({ size: "16 MiB" });
  write(broken.path, Buffer.from("none"));
  const before = readFileSync(broken.path);
  await expect(broken.up({ size: "32 MiB" })).rejects.toThrow(/grow Volume broken-.*does not begin as one of qcow2/);
  expect(readFileSync(broken.path).equals(before)).toBe(true);
  // A guest may write what it likes into its disk: the header of a smaller image, too.
  const raw = await vol("disguised").create({ format: "raw", size: "16 MiB" });
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(lab.folder, "inner.qcow2"), "8M"]);
  write(raw.path, readFileSync(join(lab.folder, "inner.qcow2")));
  await lab.host.virsh("pool-refresh", "vms");
  await expect(raw.up({ format: "raw", size: "32 MiB" })).rejects.toThrow(/made raw, and libvirt takes it for qcow2/);
  expect(statSync(raw.path).size).toBe(16 * 1024 ** 2);
  await Promise.all([broken.delete(), raw.delete()]);
});
