import type { Values } from "../../../../provider/core/handler";
import type { Domain } from "../../../../provider/resources/virtual-machine/domain";
import { takenOut } from "../../../../provider/resources/virtual-machine/pending";
import { rows } from "../../../../provider/resources/virtual-machine/rows";
import { dropWaiting, markWaiting, waitingOf } from "../../../../provider/resources/virtual-machine/waiting-mark";
import { child, parse } from "../../../../provider/schema/tree";

/** A guest that keeps what it is marked with, as libvirt writes it. */
function guest() {
  const writes: (string | undefined)[] = [];
  const live = () => {
    const xml = writes.at(-1)?.replace("<waiting", "<pulumi-kvm:waiting xmlns:pulumi-kvm='urn:pulumi-kvm:waiting:1'");
    const mark = xml?.replace("</waiting", "</pulumi-kvm:waiting") ?? "";
    return parse(`<domain><metadata><other xmlns='urn:other'/>${mark}</metadata></domain>`);
  };
  const setLiveMetadataElement = async (xml: string | undefined) => {
    writes.push(xml);
  };
  const mark = (...names: string[]) => markWaiting({ setLiveMetadataElement } as unknown as Domain, live(), names);
  return { writes, live, mark };
}

test("what waits is in the running guest, and written where it is otherwise", async () => {
  const { writes, live, mark } = guest();
  await mark();
  expect([writes, waitingOf(live())]).toEqual([[], []]);
  await mark("smbios", 'disks.a"<b');
  expect(waitingOf(live())).toEqual(["smbios", 'disks.a"<b']);
  await mark('disks.a"<b', "smbios");
  expect(writes).toHaveLength(1);
  await mark();
  expect([writes.length, writes.at(-1), waitingOf(live())]).toEqual([2, undefined, []]);
});

test("a definition that is made of the running guest is without it", async () => {
  const { live, mark } = guest();
  await mark("smbios");
  const [shared, alone] = [live(), parse("<domain><metadata><a b='urn:pulumi-kvm:waiting:1'/></metadata></domain>")];
  for (const document of [shared, alone]) dropWaiting(document);
  expect([waitingOf(shared), child(shared, "metadata/other") !== undefined]).toEqual([[], true]);
  expect(child(alone, "metadata")).toBeUndefined();
});

test("what an update that was cut off has put back into the definition waits no more", () => {
  const disk = "<disk><alias name='ua-disk-data'/></disk>";
  const parts = (pinned: boolean, disks: string) =>
    `${pinned ? "<cputune><emulatorpin cpuset='0'/></cputune>" : ""}<devices>${disks}</devices>`;
  const names = ["cpuTune.emulatorPin", "disks.data", "cpu.nested", "overlay", "rootPorts"];
  const mark = `<w:waiting xmlns:w='urn:pulumi-kvm:waiting:1'>${names.map((name) => `<w:property name='${name}'/>`).join("")}</w:waiting>`;
  const live = parse(`<domain><metadata>${mark}</metadata>${parts(true, disk)}</domain>`);
  const overlay = { features: { pae: true } };
  const given = { cpuTune: { emulatorPin: "0" }, disks: { data: {} }, cpu: { nested: true }, rootPorts: 8, overlay };
  const waits = (wanted: Values, config: string) =>
    takenOut(rows, wanted, wanted, { live, config: parse(`<domain>${config}</domain>`), waiting: [] }).map(
      (one) => one.property,
    );
  expect(waits({}, parts(false, ""))).toEqual(names);
  expect(waits(given, parts(true, disk))).toEqual(["cpu.nested", "overlay", "rootPorts"]);
});
