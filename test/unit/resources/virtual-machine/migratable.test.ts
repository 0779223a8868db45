import { lacksDevices, withSilenceOf } from "../../../../provider/resources/virtual-machine/migratable";
import { parse, render } from "../../../../provider/schema/tree";

const domain = (devices: string) =>
  parse(`<domain><devices><emulator>/usr/bin/qemu</emulator>${devices}</devices></domain>`);
const screen = "<graphics type='spice' autoport='yes'/>";
const silence = "<audio id='1' type='none'/>";

/** What the running guest shows as a migration takes it, and what its definition has. */
const cases: readonly [what: string, live: string, config: string, lacks: boolean][] = [
  ["the audio backend that libvirt gives every guest", "", silence, false],
  ["a screen, whose sound is left out", screen, `${screen}<audio id='1' type='spice'/>`, true],
  ["a screen with sound that the definition has given up", screen, `${screen}${silence}`, true],
  ["sound that goes somewhere", "", "<audio id='1' type='pulseaudio'/>", true],
  ["the watchdog of q35", silence, `${silence}<watchdog model='itco' action='reset'/>`, true],
  ["the same on both sides", `${screen}${silence}`, `${screen}${silence}`, false],
];

test.each(cases)("%s", (_what, shown, config, lacks) => {
  const live = withSilenceOf(domain(shown), domain(config));
  expect(lacksDevices(live, domain(config))).toBe(lacks);
});

test("a guest that lacks its silence alone is given it, and a screen's sound is never made up", () => {
  const [mute, spice] = [domain(silence), domain(`${screen}${silence}`)];
  expect(render(withSilenceOf(domain(""), mute))).toBe(render(mute));
  expect(render(withSilenceOf(domain(silence), mute))).toBe(render(mute));
  expect(render(withSilenceOf(domain(screen), spice))).toBe(render(domain(screen)));
});
