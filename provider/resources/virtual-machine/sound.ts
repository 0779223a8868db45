import { attribute, z } from "../../core/attribute";
import { attributeAt, oneOf } from "../../schema/lens";
import { devicesOf } from "./alias";
import { SingleDevice } from "./single-device";

const models = ["ich9", "ich6", "ac97", "es1370", "sb16", "usb"] as const;
const backends = ["none", "spice", "pulseaudio", "alsa", "jack", "oss", "sdl", "dbus"] as const;
const sound = new SingleDevice("sound", "ua-sound-main");
/** libvirt numbers audio backends and gives them no alias. */
const audio = new SingleDevice("audio");
const restart = () => ({ class: "restart", reason: "libvirt plugs no sound into a running guest" }) as const;
const audioType = oneOf(attributeAt("", "type"), backends);

const made = audio.made<(typeof backends)[number]>({
  get: audioType.get,
  set(device, value) {
    device.attributes["id"] = "1";
    audioType.set(device, value);
  },
});
/** libvirt leaves out the backend that does nothing when it shows a running guest; beside spice it would choose that. */
const audioLens: typeof made = {
  ...made,
  get(document) {
    const hasSpice = devicesOf(document, "graphics").some(({ attributes }) => attributes["type"] === "spice");
    return made.get(document) ?? (hasSpice ? undefined : "none");
  },
};

export const soundRows = {
  sound: attribute({
    doc: "Sound card of the guest (`<sound model>`): `ich9`, `ich6`, `ac97`, `es1370`, `sb16` or `usb`. Default: none.",
    schema: z.enum(models).optional(),
    change: restart,
    lens: sound.made(oneOf(attributeAt("", "model"), models)),
  }),
  audio: attribute({
    doc: "Where its sound goes on the host (`<audio type>`): `none`, `spice`, `pulseaudio`, `alsa`, `jack`, `oss`, `sdl` or `dbus`. Default: libvirt's own, by `graphics`.",
    schema: z.enum(backends).optional(),
    since: "7.2",
    change: restart,
    lens: audioLens,
  }),
};
