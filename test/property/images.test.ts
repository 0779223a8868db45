import * as fc from "fast-check";
import { ImageError } from "../../provider/images/image-error";
import { inspectImage } from "../../provider/images/inspect";

const QCOW2 = (() => {
  const image = Buffer.alloc(4096);
  image.write("QFI\xfb", "latin1");
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(12, 20);
  image.writeBigUInt64BE(1n << 20n, 24);
  image.writeUInt32BE(1, 36);
  image.writeUInt32BE(104, 100);
  return image;
})();
const MAGICS = [
  "QFI\xfb\0\0\0\x03",
  "QFI\xfb\0\0\0\x02",
  "QED\0",
  "KDMV",
  "COWD",
  "# Disk DescriptorFile",
  "vhdxfile",
  "conectix",
];

/** No header may make us read more than this, whatever it says. */
const MAX_READ = 2 * 1024 * 1024 + 1024;

async function inspectHostile(image: Buffer): Promise<void> {
  let reads = 0;
  try {
    const info = await inspectImage(async (offset, length) => {
      reads += 1;
      expect(Number.isSafeInteger(offset) && offset >= 0).toBe(true);
      expect(length).toBeLessThan(MAX_READ);
      return image.subarray(offset, offset + length);
    });
    if (info.virtualSize !== undefined) expect(info.virtualSize).toBeGreaterThanOrEqual(0n);
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
  }
  expect(reads).toBeLessThan(1000);
}

describe("inspectImage", () => {
  it("takes or refuses any qcow2 header, bytes changed and cut", async () => {
    const change = fc.tuple(fc.nat({ max: 200 }), fc.oneof(fc.constantFrom(0, 1, 255), fc.nat({ max: 255 })));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat({ max: 4096 }),
        async (changes, cut) => {
          const image = Buffer.from(QCOW2);
          for (const [offset, byte] of changes) image[offset] = byte;
          await inspectHostile(image);
          await inspectHostile(image.subarray(0, cut));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("takes or refuses any bytes behind any magic", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...MAGICS), fc.uint8Array({ maxLength: 600 }), async (magic, rest) => {
        await inspectHostile(Buffer.concat([Buffer.from(magic, "latin1"), rest]));
      }),
      { numRuns: 500 },
    );
  });
});
