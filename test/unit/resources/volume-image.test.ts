import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../../../provider/core/handler";
import { prepareImage } from "../../../provider/resources/volume/image";

const folder = mkdtempSync(join(tmpdir(), "kvm-image-"));
const step = { step: "fill Volume root.raw in pool vms", host: "qemu+ssh://rack1/system" };
const prepare = (path: string) =>
  prepareImage({ path, url: undefined, sha256: undefined }, "raw", step, {} as unknown as Context);

afterAll(() => rmSync(folder, { recursive: true }));

test("an image that is of no use is refused with the volume, its pool and its host", async () => {
  const empty = join(folder, "empty.raw");
  writeFileSync(empty, "");
  await expect(prepare(empty)).rejects.toThrow(
    `Unable to fill Volume root.raw in pool vms on qemu+ssh://rack1/system: ${empty} is empty\n  What to do: Check`,
  );
  await expect(prepare(folder)).rejects.toThrow(/is no regular file\n {2}What to do: Give the path of the file/);
});
