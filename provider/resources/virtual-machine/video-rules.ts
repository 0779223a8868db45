import { parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import type { Inputs } from "./rows";
import { entriesOf, fault, given, type MachineRule, saysAll } from "./rule-entries";

type Graphics = Inputs["graphics"][string];
type Video = NonNullable<Inputs["video"]>;

const qxlOnly = ["ram", "vgamem"];
const leastMemory = 1024n * 1024n;
const isPower = (value: bigint) => (value & (value - 1n)) === 0n;

/** What cards of other makes are asked for in vain. */
const missing: Readonly<Record<string, readonly string[]>> = {
  none: ["heads", "vram", "resolution"],
  cirrus: ["resolution"],
  ramfb: ["resolution"],
};

/** Faults of the memory of a card that shows VGA. */
function memoryFaults({ model, vram, vgamem }: Video) {
  const sizes = Object.entries({ vram: model === "vga" ? vram : undefined, vgamem });
  return sizes.flatMap(([name, value]) => {
    if (typeof value !== "string") return [];
    const bytes = parseBytes(value);
    if (bytes < leastMemory) return [fault(`video.${name}`, `is ${value}, less than 1 MiB`)];
    return name === "vgamem" && !isPower(bytes) ? [fault("video.vgamem", "must be a power of two")] : [];
  });
}

export const videoRule: MachineRule = {
  needs: ["video", "graphics"],
  check: (inputs) => {
    const { video, graphics } = inputs;
    if (!isPlainObject(video)) return [];
    const { model, accel3d, heads, renderNode } = video;
    const openGl = entriesOf<Graphics>(graphics).some(([, screen]) => screen.openGl === true);
    return [
      ...(model === "qxl" ? [] : given(video, qxlOnly)).map((name) =>
        fault(`video.${name}`, 'only a qxl card has it; use model: "qxl"'),
      ),
      ...given(video, missing[model] ?? []).map((name) =>
        fault(`video.${name}`, `a card of model "${model}" has none; leave it out`),
      ),
      ...memoryFaults(video),
      ...(renderNode !== undefined && saysAll(inputs)
        ? [fault("video.renderNode", "libvirt has it for cards that a vhost-user program draws; leave it out")]
        : []),
      ...(heads !== undefined && heads > 1 && model !== "virtio" && model !== "qxl"
        ? [fault("video.heads", 'only virtio and qxl cards have more than one; use model: "virtio"')]
        : []),
      ...(accel3d === true && model !== "virtio" ? [fault("video.accel3d", 'needs model: "virtio"')] : []),
      ...(accel3d === true && model === "virtio" && !openGl
        ? [fault("video.accel3d", "needs graphics that draw by OpenGL: graphics.spice.openGl: true")]
        : []),
    ];
  },
};
