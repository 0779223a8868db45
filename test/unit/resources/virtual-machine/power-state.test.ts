import { powerState } from "../../../../provider/resources/virtual-machine/power-state";

// virDomainState and its reason, as libvirt numbers them.
test.each([
  ["running, booted", 1, 1, { power: "running" }],
  ["blocked, as Xen has it", 2, 0, { power: "running" }],
  ["shutting down", 4, 1, { power: "running" }],
  ["paused by a user", 3, 1, { power: "paused" }],
  ["paused by an I/O error", 3, 5, { power: "paused", plight: "io-error" }],
  ["paused by the watchdog", 3, 6, { power: "paused", plight: "watchdog" }],
  ["panicked, as QEMU has it", 3, 10, { power: "stopped", plight: "crashed" }],
  ["shut off by a crash", 5, 3, { power: "stopped" }],
  ["crashed and preserved", 6, 1, { power: "stopped", plight: "crashed" }],
  ["suspended to RAM", 7, 0, { power: "paused", plight: "asleep" }],
])("%s", (_name, state, reason, expected) => {
  expect(powerState({ state, reason })).toEqual(expected);
});
