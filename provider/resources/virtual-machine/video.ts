import { attribute, block, z } from "../../core/attribute";
import { hostPath, sizeInKiB } from "../../core/quantities";
import { formatBytes, parseBytes } from "../../core/units";
import { attributeAt, type ElementLens, mapped, number, oneOf, words } from "../../schema/lens";
import { SingleDevice } from "./single-device";

const models = ["virtio", "qxl", "vga", "bochs", "cirrus", "ramfb", "none"] as const;
const video = new SingleDevice("video", "ua-video-main", true);
const restart = () => ({ class: "restart", reason: "libvirt plugs no video card into a running guest" }) as const;

/** `<model>` counts in KiB. */
const kibibytes = (name: string): ElementLens<string> =>
  mapped(
    attributeAt("model", name),
    (value) => (/^\d+$/.test(value) ? formatBytes(BigInt(value) * 1024n) : undefined),
    (value) => String(parseBytes(value) / 1024n),
  );
const memory = sizeInKiB.optional();

const resolutionSchema = z.strictObject({ x: z.int().min(1).max(16384), y: z.int().min(1).max(16384) });
type Resolution = z.infer<typeof resolutionSchema>;
const resolutionLens: ElementLens<Resolution> = {
  get(device) {
    const [x, y] = ["x", "y"].map((name) => number(attributeAt("model/resolution", name)).get(device));
    return x === undefined || y === undefined ? undefined : { x, y };
  },
  set(device, value) {
    for (const name of ["x", "y"] as const) number(attributeAt("model/resolution", name)).set(device, value?.[name]);
  },
};

export const videoRows = {
  video: block({
    doc: "The video card (`<video>`). Default: none, or what libvirt adds beside `graphics`.",
    rows: {
      model: attribute({
        doc: "`virtio`, `qxl` (spice), `vga`, `bochs` (for UEFI guests without a driver), `cirrus`, `ramfb`, or `none` beside graphics of a passed through card. Default virtio.",
        schema: z.enum(models),
        defaults: { 1: "virtio" },
        change: restart,
        lens: video.made(oneOf(attributeAt("model", "type"), models)),
      }),
      heads: attribute({
        doc: "Screens of a virtio or qxl card, 1 to 16 (`heads`). Default 1.",
        schema: z.int().min(1).max(16).optional(),
        change: restart,
        lens: video.at(number(attributeAt("model", "heads"))),
      }),
      vram: attribute({
        doc: "Video memory (`vram`). Default: libvirt's own, by the model.",
        schema: memory,
        change: restart,
        lens: video.at(kibibytes("vram")),
      }),
      ram: attribute({
        doc: "Primary bar of a qxl card (`ram`). Default: libvirt's own, 64 MiB.",
        schema: memory,
        change: restart,
        lens: video.at(kibibytes("ram")),
      }),
      vgamem: attribute({
        doc: "VGA frame buffer of a qxl card (`vgamem`). Default: libvirt's own, 16 MiB.",
        schema: memory,
        change: restart,
        lens: video.at(kibibytes("vgamem")),
      }),
      accel3d: attribute({
        doc: "3D for a virtio card by the host's GPU (`<acceleration accel3d>`); needs graphics with OpenGL. Default false.",
        schema: z.boolean().optional(),
        change: restart,
        lens: video.at(words(attributeAt("model/acceleration", "accel3d"), "yes", "no")),
      }),
      renderNode: attribute({
        doc: "GPU of the host that draws, such as /dev/dri/renderD128 (`<acceleration rendernode>`). Default: QEMU's own.",
        schema: hostPath.optional(),
        change: restart,
        lens: video.at(attributeAt("model/acceleration", "rendernode")),
      }),
      resolution: attribute({
        doc: "Size in pixels that the card starts with (`<resolution>`), for vga, virtio, qxl and bochs. Default: the firmware's own.",
        schema: resolutionSchema.optional(),
        change: restart,
        lens: video.at(resolutionLens),
      }),
    },
  }),
};
