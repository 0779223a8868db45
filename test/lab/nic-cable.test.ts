import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { machineLab } from "./machine-lab";

/** Where a running guest's interface can be plugged in, and what its preview and `refuse` know of it. */
const lab = machineLab({ waitForAddress: false, memory: "32 MiB" }, { alone: true });

const groups = "<portgroup name='a'/><portgroup name='b'/>";
const networks: Readonly<Record<string, string>> = {
  nat: "<bridge name='vb-nat'/><forward mode='nat'/><ip address='10.31.0.1' netmask='255.255.255.0'/>",
  grouped: `<bridge name='vb-group'/><forward mode='nat'/><ip address='10.32.0.1' netmask='255.255.255.0'/>${groups}`,
  tap: "<forward mode='bridge'><interface dev='far1'/></forward>",
  other: "<forward mode='bridge'><interface dev='far1'/></forward>",
  whole: "<forward mode='passthrough'><interface dev='far2'/></forward>",
};

beforeAll(async () => {
  await lab.host.exec("for i in 1 2; do ip link add far$i type veth peer name near$i && ip link set far$i up; done");
  for (const [name, text] of Object.entries(networks)) {
    const file = join(lab.host.directory, `${name}.xml`);
    writeFileSync(file, `<network><name>${name}</name>${text}</network>`);
    await lab.host.virsh("net-define", file);
    await lab.host.virsh("net-start", name);
  }
}, 60_000);

const kinds: Values = { nat: "bridge", grouped: "bridge", tap: "macvtap", other: "macvtap", whole: "macvtap" };
const on = (name: string, more: Values = {}) => ({ nics: { lan: { network: { name, kind: kinds[name] }, ...more } } });
const byHand = (name: string, more: Values = {}) => ({ nics: { lan: { network: { name }, ...more } } });

test("what is said to wait waits, and nothing else", async () => {
  const vm = lab.machine("moves");
  await vm.create(on("nat"));
  const isTrue = async (args: Values) => {
    const { changes } = vm.diff(args);
    const said = changes.flatMap(({ class: kind, property }) => (kind === "restart" ? [property] : []));
    await vm.up(args);
    expect(vm.state["pendingRestart"]).toEqual(said.sort());
    expect(vm.diff(args).changes).toEqual([]);
    return said;
  };
  expect(await isTrue(on("grouped", { portGroup: "a", link: false }))).toEqual([]);
  expect(await isTrue(on("nat", { bandwidth: { inbound: { average: "2 MiB/s" } } }))).toEqual([]);
  expect(await isTrue(on("tap", { bandwidth: { inbound: { average: "4 MiB/s" } }, link: false }))).toEqual([
    "nics.lan.bandwidth",
    "nics.lan.link",
    "nics.lan.network",
  ]);
  await vm.up({ ...on("tap"), changePolicy: "restart" });
  // It failed the update.
  expect(await isTrue({ ...on("other"), changePolicy: "stage" })).toEqual(["nics.lan.network"]);
  await vm.up({ ...on("other"), changePolicy: "restart" });
  expect(await isTrue({ ...on("nat"), changePolicy: "stage" })).toEqual(["nics.lan.network"]);
  expect(vm.diff(on("nat", { link: false })).changes).toMatchObject([{ property: "nics.lan.link", class: "restart" }]);
}, 60_000);

test("where nobody has told of a network, the guest itself tells what waits, and what is refused", async () => {
  const vm = lab.machine("by-hand", { changePolicy: "refuse" });
  await vm.create(byHand("tap"));
  for (const args of [byHand("nat"), byHand("other"), { nics: { lan: { bridge: "vb-nat" } } }]) {
    await expect(vm.up(args)).rejects.toThrow(/nics\.lan\.network .*; a restart of the guest would do it/);
    expect(vm.diff(byHand("tap")).changes).toEqual([]);
  }
  await vm.up({ ...byHand("whole"), changePolicy: "restart" });
  // It failed whatever the policy.
  await vm.up({ ...byHand("whole", { link: false }), changePolicy: "stage" });
  expect(vm.state["pendingRestart"]).toEqual(["nics.lan.link"]);
  // To be told of a network's kind is no change.
  expect(vm.diff({ ...on("whole", { link: false }), changePolicy: "stage" }).changes).toEqual([]);
}, 60_000);

test("a change that is taken back is no restart, unless the guest was started anew, which is found out in time", async () => {
  const vm = lab.machine("back", { nics: {} });
  await vm.create({ features: { vmport: false } });
  const id = await lab.host.virsh("domid", vm.name);
  for (const [staged, before] of [
    [{ biosSerial: true, features: { vmport: false } }, { features: { vmport: false } }],
    [{}, { features: { vmport: false } }],
  ]) {
    await vm.up(staged);
    expect(await vm.refresh()).toEqual([]);
    const restart = { ...before, changePolicy: "restart" };
    expect(vm.diff(restart).lines).toEqual(expect.arrayContaining([expect.stringMatching(/restart, only if/)]));
    await vm.up({ ...before, changePolicy: "refuse" });
    expect([await lab.host.virsh("domid", vm.name), vm.state["pendingRestart"]]).toEqual([id, []]);
    await vm.up(before);
  }
  await vm.up({ features: {} });
  await lab.host.virsh("destroy", vm.name);
  await lab.host.virsh("start", vm.name);
  const refused = vm.up({ features: { vmport: false }, changePolicy: "refuse" });
  await expect(refused).rejects.toThrow(/features\.vmport would need a restart.*run pulumi refresh first/s);
}, 60_000);
