import type { Values } from "../../../../provider/core/handler";
import { unknown } from "../../../../provider/core/unknown";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { checked } from "./checked";

const volume = (path: string) => ({ path, format: "qcow2", name: path.slice(1) });
const base = {
  host: { uri: "qemu+ssh://rack1/system", uuid: "11111111-0000-4000-8000-000000000000" },
  vcpus: 2,
  maxVcpus: 4,
  memory: "1 GiB",
  maxMemory: "4 GiB",
  disks: { root: { volume: volume("/root") }, seed: { volume: volume("/seed"), device: "cdrom" } },
  nics: { lan: { network: { name: "lan", uuid: "x" } } },
};

const inputsOf = (args: Values, olds?: Values) => checked({ ...base, ...args }, olds);

function changes(args: Values, before: Values = {}): string[] {
  const olds = inputsOf(before);
  const found = virtualMachine.diff("id", olds, inputsOf({ ...before, ...args }, olds)).changes;
  return found.map(({ property, class: kind }) => `${property} ${kind}`);
}

test.each<[string, Values, readonly string[]]>([
  ["nothing", {}, []],
  ["vCPUs within the most", { vcpus: 4 }, ["vcpus live"]],
  ["fewer vCPUs", { vcpus: 1 }, ["vcpus live"]],
  ["vCPUs above the most", { vcpus: 8, maxVcpus: 8 }, ["vcpus restart", "maxVcpus restart"]],
  ["memory within the most", { memory: "2 GiB" }, ["memory live"]],
  ["memory above the most", { memory: "8 GiB", maxMemory: "8 GiB" }, ["memory restart", "maxMemory restart"]],
  ["title", { title: "t" }, ["title live"]],
  ["firmware", { firmware: "uefi" }, ["firmware restart"]],
  [
    "another medium",
    { disks: { ...base.disks, seed: { ...base.disks.seed, volume: volume("/b") } } },
    ["disks.seed.volume live"],
  ],
  ["another image", { disks: { ...base.disks, root: { volume: volume("/b") } } }, ["disks.root.volume restart"]],
  [
    "the same volume under another host address",
    { disks: { ...base.disks, root: { volume: { ...volume("/root"), host: { uri: base.host.uri } } } } },
    [],
  ],
  ["a new disk", { disks: { ...base.disks, data: { path: "/d" } } }, ["disks.data live"]],
  ["a new sata disk", { disks: { ...base.disks, data: { path: "/d", bus: "sata" } } }, ["disks.data restart"]],
  ["a disk less", { disks: { seed: base.disks.seed } }, ["disks.root live"]],
  ["a cable", { nics: { lan: { network: { name: "dmz" } } } }, ["nics.lan.network live"]],
  ["the same network by another uuid", { nics: { lan: { network: { name: "lan", uuid: "y" } } } }, []],
  [
    "a NIC model",
    { nics: { lan: { network: { name: "lan" }, model: "e1000e" } } },
    ["nics.lan.model restart", "nics.lan.queues restart"],
  ],
  ["power", { state: "stopped" }, ["state live"]],
  ["the name", { name: "other", changePolicy: "restart" }, ["name restart", "changePolicy live"]],
  ["a setting", { deletionProtection: true }, ["deletionProtection live"]],
])("%s", (_name, args, expected) => {
  expect(changes(args)).toEqual(expected);
});

test("facts of the host take no part, its address is saved, another machine is refused", () => {
  expect(changes({ host: { ...base.host, facts: JSON.stringify({ libvirt: 1 }) } })).toEqual([]);
  expect(changes({ host: { ...base.host, uri: "qemu+ssh://10.0.0.1/system" } })).toEqual(["host live"]);
  const elsewhere = { host: { uri: "qemu+ssh://rack2/system", uuid: "22222222-0000-4000-8000-000000000000" } };
  expect(() => changes(elsewhere)).toThrow(/move VirtualMachine db-\w+ to another host.*migration/);
});

test("a block that is not known yet costs what the value that costs most in it may", () => {
  const olds = inputsOf({ tpm: {} });
  const { lines, replaces } = virtualMachine.diff("id", olds, { ...olds, tpm: unknown, cpu: unknown });
  expect([lines, replaces]).toEqual([
    ["cpu: restart, not known yet; policy stage", "tpm: replace, not known yet"],
    ["tpm"],
  ]);
});

test("an adopted machine is not made anew, which would leave it and adopt it again at each update", () => {
  const encrypted = (encryptionSecret: unknown) => ({ tpm: { encryptionSecret } });
  const olds = { ...inputsOf({ tpm: {} }), adopted: true };
  const replaces = (secret: unknown, before: Values = olds) =>
    virtualMachine.diff("id", before, inputsOf(encrypted(secret), before)).replaces;
  const secret = "11111111-2222-4333-8444-555555555555";
  expect(() => replaces(secret)).toThrow(/encryptionSecret cannot change otherwise, and what was adopted stays/);
  expect(replaces(unknown)).toEqual(["tpm"]);
  expect(replaces(secret, { ...olds, deleteAdopted: true })).toEqual(["tpm"]);
  expect(replaces(secret, { ...olds, adopted: false })).toEqual(["tpm"]);
});

test("the policy refuse speaks in the preview, but not of what is not known yet", () => {
  const refuse = { changePolicy: "refuse" };
  expect(() => changes({ firmware: "uefi" }, refuse)).toThrow(
    /firmware would need a restart.*changePolicy is "refuse"/,
  );
  expect(changes({ vcpus: 3 }, refuse)).toEqual(["vcpus live"]);
  expect(changes({ firmware: "uefi" }, { ...refuse, state: "stopped" })).toEqual(["firmware restart"]);
  const later = { disks: { ...base.disks, root: { volume: { ...volume("/root"), path: unknown } } } };
  expect(changes(later, refuse)).toEqual(["disks.root.volume restart"]);
});

test("a name that cannot wait is refused in the preview, but not where the guest is or will be off, or may restart", () => {
  const name = { name: "other" };
  for (const policy of ["stage", "refuse"]) {
    expect(() => changes(name, { changePolicy: policy })).toThrow(
      /rename VirtualMachine db-\w+ to other on .*libvirt renames only a domain that is off; nothing was changed/,
    );
  }
  expect(changes(name, { changePolicy: "restart" })).toEqual(["name restart"]);
  expect(changes(name, { state: "stopped" })).toEqual(["name restart"]);
  expect(changes({ ...name, state: "stopped" })).toEqual(["name restart", "state live"]);
  expect(changes({ name: unknown })).toEqual(["name restart"]);
  expect(changes({ ...name, uuid: "33333333-0000-4000-8000-000000000000" })).toEqual(["name restart", "uuid replace"]);
});

test("another uuid is another machine; the versioned name of the machine type is not", () => {
  const olds = inputsOf({});
  const news = inputsOf({ uuid: "33333333-0000-4000-8000-000000000000" });
  expect(virtualMachine.diff("id", olds, news)).toMatchObject({ replaces: ["uuid"], deleteBeforeReplace: true });
  expect(virtualMachine.diff("id", { ...olds, machine: "pc-q35-7.2" }, olds).changes).toEqual([]);
  expect(virtualMachine.diff("id", { ...olds, machine: "pc-i440fx-7.2" }, olds).changes).toHaveLength(1);
  expect(virtualMachine.diff("id", olds, { ...olds, machine: "constructor" }).changes).toHaveLength(1);
});

test("a preview says of each change when it is in force, and why not at once", () => {
  const lines = (before: Values, after: Values) => {
    const olds = inputsOf(before);
    return virtualMachine.diff("id", olds, inputsOf({ ...before, ...after }, olds)).lines;
  };
  const larger = { title: "t", memory: "8 GiB", maxMemory: "8 GiB" };
  expect(lines({}, larger)).toEqual([
    "title: live",
    "memory: restart, above maxMemory; policy stage",
    "maxMemory: restart; policy stage",
  ]);
  expect(lines({ changePolicy: "restart" }, { vcpus: 8, maxVcpus: 8 })).toEqual([
    "vcpus: restart, above maxVcpus; policy restart",
    "maxVcpus: restart; policy restart",
  ]);
  expect(lines({ state: "stopped" }, { firmware: "uefi" })).toEqual(["firmware: restart; the guest is off"]);
});

test("a preview says what becomes of what only the host tells of a guest that is placed anew", () => {
  const lines = (before: Values, after: Values) => {
    const olds = inputsOf({ cpu: { policy: "dedicated" }, ...before });
    return virtualMachine.diff("id", olds, inputsOf({ ...before, ...after }, olds)).lines;
  };
  const shared = { cpu: { policy: "shared" } };
  const moves = "cpu.policy: live, placed anew on the host";
  const open = "where its new place has another topology, other NUMA cells or pages,";
  expect(lines({}, shared)).toEqual([moves, `${open} that waits for the next start of the guest`]);
  const restart = { changePolicy: "restart" };
  expect(lines(restart, shared)).toEqual([moves, `${open} the guest is restarted`]);
  expect(lines({ changePolicy: "refuse" }, shared)).toEqual([moves, `${open} the update is refused`]);
  expect(lines(restart, { ...shared, state: "stopped" })).toEqual([moves, "state: live"]);
  expect(lines(restart, { cpu: { policy: "dedicated", apart: "a" } })).toEqual([
    "cpu.apart: live, placed anew on the host",
  ]);
  // What needs a restart in any case says so itself.
  expect(lines(restart, { ...shared, maxVcpus: 32 })).not.toContain(`${open} the guest is restarted`);
});

test("a preview says that an update restarts the guest for what waits from before", () => {
  const lines = (before: Values, pendingRestart: readonly string[], after: Values, memo: Values = {}) => {
    const olds = inputsOf(before);
    const news = inputsOf({ ...before, ...after }, olds);
    return virtualMachine.diff("id", { ...olds, pendingRestart, __kvm: { memo } }, news).lines;
  };
  const restart = { changePolicy: "restart" };
  const waits = ["cpu.mode", "firmware"];
  const owed = waits.map((property) => `${property}: restart, the running guest has it otherwise; policy restart`);
  expect(lines({}, waits, restart)).toEqual(["changePolicy: live, a setting of the provider", ...owed]);
  expect(lines(restart, waits, { title: "t" })).toEqual(["title: live", ...owed]);
  expect(lines(restart, ["firmware"], { firmware: "uefi" })).toEqual(["firmware: restart; policy restart"]);
  expect(lines(restart, [], { title: "t" })).toEqual(["title: live"]);
  expect(lines(restart, waits, {})).toEqual(owed);
  expect(lines({}, waits, { title: "t" })).toEqual(["title: live"]);
  expect(lines(restart, waits, { state: "stopped" })).toEqual(["state: live"]);
  expect(lines({ ...restart, state: "stopped" }, waits, { state: "running" })).toEqual(["state: live"]);
  // What an update has left under another policy it has tried no restart for.
  const left = { left: { "cpu.mode": { old: "maximum" } } };
  expect(lines(restart, waits, {}, left)).toEqual(owed.slice(1));
  expect(lines({}, waits, restart, left)).toEqual(["changePolicy: live, a setting of the provider", ...owed]);
});
