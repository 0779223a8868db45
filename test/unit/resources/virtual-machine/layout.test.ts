import type { Values } from "../../../../provider/core/handler";
import { deviceNamed, devicesOf } from "../../../../provider/resources/virtual-machine/alias";
import { applyInputs } from "../../../../provider/resources/virtual-machine/apply";
import { pendingOf, residue, untold } from "../../../../provider/resources/virtual-machine/pending";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import { type Inputs, rows } from "../../../../provider/resources/virtual-machine/rows";
import { child, clone, type Element, equal, parse } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const inputsOf = (args: Values) => checked({ host: { uri: "x" }, memory: "1 GiB", ...args }) as Inputs;

function target(document: Element, key: string): string | undefined {
  const disk = deviceNamed(document, `ua-disk-${key}`);
  return disk && child(disk, "target")?.attributes["dev"];
}

const disk = (path: string, more: Values = {}) => ({ path, ...more });

test("applying the same inputs again changes nothing", () => {
  const inputs = inputsOf({
    firmware: "uefi",
    disks: { a: disk("/a"), b: disk("/b", { bus: "scsi" }) },
    secureBoot: true,
  });
  const document = compose(inputs);
  expect(equal(applyInputs(clone(document), inputs, inputs), document)).toBe(true);
});

test("disks keep their names, new ones take the first free, the running guest's are not taken", () => {
  const before = inputsOf({ disks: { b: disk("/b"), c: disk("/c") } });
  const document = compose(before);
  const after = inputsOf({ disks: { a: disk("/a"), c: disk("/c") } });
  const taken = applyInputs(clone(document), after, before, document);
  expect([target(taken, "c"), target(taken, "a")]).toEqual(["vdb", "vdc"]);
  const free = applyInputs(clone(document), after, before);
  expect([target(free, "c"), target(free, "a"), target(free, "b")]).toEqual(["vdb", "vda", undefined]);
});

test("a disk on another bus gets another name and address", () => {
  const before = inputsOf({ disks: { a: disk("/a") } });
  const document = compose(before);
  deviceNamed(document, "ua-disk-a")?.children.push(child(parse("<x><address type='pci'/></x>"), "address") as Element);
  const after = inputsOf({ disks: { a: disk("/a", { bus: "scsi" }) } });
  const moved = applyInputs(document, after, before);
  expect(target(moved, "a")).toBe("sda");
  expect(child(deviceNamed(moved, "ua-disk-a") as Element, "address")).toBeUndefined();
  expect(devicesOf(moved, "controller").map(({ attributes }) => attributes["model"])).toContain("virtio-scsi");
});

test("what hangs on a SCSI controller that goes comes to one of ours, and not to one that libvirt adds", () => {
  const scsi = (more: Values = {}) => ({ a: disk("/a", { bus: "scsi", ...more }) });
  const before = inputsOf({ scsiControllers: { first: {}, second: {} }, disks: scsi({ controller: "second" }) });
  const after = (controllers: Values) => {
    const inputs = inputsOf({ scsiControllers: controllers, disks: scsi() });
    const document = applyInputs(compose(before), inputs, before);
    const indexes = devicesOf(document, "controller").flatMap(({ attributes }) =>
      attributes["type"] === "scsi" ? [`${attributes["index"]} ${attributes["model"]}`] : [],
    );
    const place = child(deviceNamed(document, "ua-disk-a") as Element, "address")?.attributes["controller"];
    return [indexes, place];
  };
  expect(after({ first: {}, second: {} })).toEqual([["0 virtio-scsi", "1 virtio-scsi"], "1"]);
  // libvirt makes one for each number below that of a disk.
  expect(after({ second: {} })).toEqual([["1 virtio-scsi", "0 virtio-scsi"], "1"]);
  // libvirt looks for controller 0 first, and finds a place on it.
  expect(after({ first: {} })).toEqual([["0 virtio-scsi"], undefined]);
  expect(after({})).toEqual([["0 virtio-scsi"], undefined]);
  const named = inputsOf({ scsiControllers: { first: {}, second: {} }, disks: scsi({ controller: "first" }) });
  const left = applyInputs(compose(named), inputsOf({ scsiControllers: { second: {} }, disks: scsi() }), named);
  expect(child(deviceNamed(left, "ua-disk-a") as Element, "address")?.attributes).toMatchObject({ controller: "1" });
});

test("a SCSI controller that is taken out and back before the restart is the one that the guest has", () => {
  const on = (a: string | undefined, b: string | undefined, names: readonly string[]) =>
    inputsOf({
      scsiControllers: Object.fromEntries(names.map((name) => [name, {}])),
      disks: {
        a: disk("/a", { bus: "scsi", ...(a && { controller: a }) }),
        b: disk("/b", { bus: "scsi", ...(b && { controller: b }) }),
      },
    });
  const before = on("one", "two", ["one", "two"]);
  const live = compose(before);
  for (const staged of [on("two", "two", ["two"]), on(undefined, undefined, [])]) {
    const config = applyInputs(compose(before), staged, before, live);
    expect(pendingOf(residue(rows, staged, live, config))).toContain("scsiControllers.one");
    const back = applyInputs(config, before, staged, live);
    const places = ["ua-scsi-one", "ua-scsi-two"].map((name) => deviceNamed(back, name)?.attributes["index"]);
    expect(places).toEqual(["0", "1"]);
    expect(devicesOf(back, "controller").filter(({ attributes }) => attributes["type"] === "scsi")).toHaveLength(2);
    expect(residue(rows, before, live, back)).toEqual([]);
  }
});

test("disks that change places between SCSI controllers are where they were when that is taken back", () => {
  const on = (a: string, b: string) =>
    inputsOf({
      scsiControllers: { one: {}, two: {} },
      disks: { a: disk("/a", { bus: "scsi", controller: a }), b: disk("/b", { bus: "scsi", controller: b }) },
    });
  const places = (document: Element) =>
    ["a", "b"].map((key) => {
      const { controller, unit } =
        child(deviceNamed(document, `ua-disk-${key}`) as Element, "address")?.attributes ?? {};
      return `${controller}:${unit}`;
    });
  const [before, after] = [on("one", "two"), on("two", "one")];
  const live = compose(before);
  const staged = applyInputs(clone(live), after, before, live);
  const back = applyInputs(clone(staged), before, after, live);
  expect([live, staged, back].map(places)).toEqual([
    ["0:0", "1:0"],
    ["1:0", "0:0"],
    ["0:0", "1:0"],
  ]);
  // One that was second on its controller is so again, though the first has gone.
  const both = compose(on("one", "one"));
  const moved = applyInputs(clone(both), on("two", "two"), on("one", "one"), both);
  expect(places(applyInputs(moved, on("two", "one"), on("two", "two"), both))).toEqual(["1:0", "0:1"]);
});

test("more ports wait for the next start where the guest has not as many", () => {
  const [few, many] = [inputsOf({ rootPorts: 4 }), inputsOf({ rootPorts: 8 })];
  const waits = (live: Inputs) => untold(rows, few, many, { live: compose(live), config: compose(many), waiting: [] });
  expect([waits(few), waits(many)]).toEqual([["rootPorts"], []]);
});

test("a change of the bus that is taken back before the restart gives the disk its place in the running guest", () => {
  const there = inputsOf({ disks: { a: disk("/a") } });
  const document = compose(there);
  const address = "<x><address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></x>";
  deviceNamed(document, "ua-disk-a")?.children.push(child(parse(address), "address") as Element);
  const moved = inputsOf({ disks: { a: disk("/a", { bus: "scsi" }), b: disk("/b") } });
  const staged = applyInputs(clone(document), moved, there, document);
  expect([target(staged, "a"), target(staged, "b")]).toEqual(["sda", "vdb"]);
  const both = inputsOf({ disks: { a: disk("/a"), b: disk("/b") } });
  const back = applyInputs(clone(staged), both, moved, document);
  expect([target(back, "a"), target(back, "b")]).toEqual(["vda", "vdb"]);
  expect(child(deviceNamed(back, "ua-disk-a") as Element, "address")?.attributes["bus"]).toBe("0x04");
  // Without the guest nobody has the place; another that has it keeps it.
  const taken = clone(staged);
  const other = deviceNamed(taken, "ua-disk-b") as Element;
  (child(other, "target") as Element).attributes["dev"] = "vda";
  expect(target(applyInputs(taken, both, moved, document), "a")).toBe("vdb");
});

test("volume and path may take each other's place, and a drive may be emptied", () => {
  const source = (document: Element, key: string) =>
    child(deviceNamed(document, `ua-disk-${key}`) as Element, "source")?.attributes["file"];
  const byPath = inputsOf({ disks: { cd: disk("/a.iso", { device: "cdrom" }) } });
  const byVolume = inputsOf({ disks: { cd: { device: "cdrom", volume: { path: "/b.iso", format: "iso" } } } });
  const empty = inputsOf({ disks: { cd: { device: "cdrom" } } });
  expect(source(applyInputs(compose(byPath), byVolume, byPath), "cd")).toBe("/b.iso");
  expect(source(applyInputs(compose(byVolume), byPath, byVolume), "cd")).toBe("/a.iso");
  expect(source(applyInputs(compose(byVolume), empty, byVolume), "cd")).toBeUndefined();
});

test("a NIC may move between network and bridge, both ways", () => {
  const nicOf = (document: Element) => deviceNamed(document, "ua-nic-a") as Element;
  const network = inputsOf({ nics: { a: { network: { name: "lan" } } } });
  const bridge = inputsOf({ nics: { a: { bridge: "br0" } } });
  const bridged = nicOf(applyInputs(compose(network), bridge, network));
  expect([bridged.attributes["type"], child(bridged, "source")?.attributes]).toEqual(["bridge", { bridge: "br0" }]);
  const back = nicOf(applyInputs(compose(bridge), network, bridge));
  expect([back.attributes["type"], child(back, "source")?.attributes]).toEqual(["network", { network: "lan" }]);
});

test("firmware of before is forgotten, the machine version is kept", () => {
  const uefi = inputsOf({ firmware: "uefi", secureBoot: false });
  const document = compose(uefi);
  const os = child(document, "os") as Element;
  os.children.push(child(parse("<x><nvram>/n</nvram></x>"), "nvram") as Element);
  (child(os, "type") as Element).attributes["machine"] = "pc-q35-7.2";
  const bios = applyInputs(document, inputsOf({}), uefi);
  expect(child(bios, "os")?.attributes["firmware"]).toBeUndefined();
  expect(child(bios, "os/nvram")).toBeUndefined();
  expect(child(bios, "os/type")?.attributes["machine"]).toBe("pc-q35-7.2");
});

test("pending is what the running guest lacks or still has; a moving balloon is not", () => {
  const inputs = inputsOf({ maxMemory: "2 GiB", disks: { a: disk("/a") } });
  const config = compose(inputs);
  const live = compose(inputsOf({ memory: "2 GiB", firmware: "uefi", disks: { b: disk("/b") } }));
  expect(pendingOf(residue(rows, inputs, live, config))).toEqual(["disks.a", "disks.b", "firmware"]);
  expect(pendingOf(residue(rows, inputs, config, config))).toEqual([]);
});

test("a device hangs on the bus of the cell that it names, and comes back to the common one", () => {
  const withCell = (cell?: number) =>
    inputsOf({
      vcpus: 2,
      numa: { cells: [0, 1].map((cpu) => ({ cpus: String(cpu), memory: "512 MiB" })) },
      hostDevices: { gpu: { pci: "65:00.0", ...(cell !== undefined && { cell }) } },
    });
  const gpu = (document: Element) => deviceNamed(document, "ua-hostdev-gpu") as Element;
  const controllers = (document: Element, model: string) =>
    devicesOf(document, "controller").filter(({ attributes }) => attributes["model"] === model);
  const document = compose(withCell(1));
  const [expander] = controllers(document, "pcie-expander-bus");
  expect(child(expander as Element, "target/node")?.children).toEqual([{ text: "1" }]);
  expect(equal(applyInputs(clone(document), withCell(1), withCell(1)), document)).toBe(true);
  const port = (of: Element) => Number(child(gpu(of), "address")?.attributes["bus"]);
  const moved = applyInputs(clone(document), withCell(0), withCell(1));
  expect(controllers(moved, "pcie-expander-bus")).toHaveLength(2);
  expect(port(moved)).not.toBe(port(document));
  expect(child(gpu(applyInputs(clone(document), withCell(), withCell(1))), "address")).toBeUndefined();
  // The bus that it left is there for the next one.
  const back = applyInputs(clone(moved), withCell(1), withCell(0));
  expect(port(back)).toBe(port(document));
  expect(controllers(back, "pcie-expander-bus")).toHaveLength(2);
});

test("each device has a bus of its own, and one that an earlier release put behind another's gets one", () => {
  const devices = (cell?: number) =>
    inputsOf({
      vcpus: 2,
      numa: { cells: ["0", "1"].map((cpus) => ({ cpus, memory: "512 MiB" })) },
      hostDevices: Object.fromEntries(
        ["gpu", "sound"].map((key, index) => [
          key,
          { pci: `0000:65:00.${index}`, ...(cell !== undefined && { cell }) },
        ]),
      ),
    });
  const document = compose(devices(1));
  const all = devicesOf(document, "controller").filter(({ attributes }) => attributes["type"] === "pci");
  const [first, , second, secondPort] = all as Element[];
  const busOf = (device: Element) => Number(child(device, "address")?.attributes["bus"]);
  expect(busOf(secondPort as Element)).toBe(Number(second?.attributes["index"]));
  const old = clone(document);
  const behind = devicesOf(old, "controller").find(
    ({ attributes }) => attributes["index"] === secondPort?.attributes["index"],
  );
  const address = child(behind as Element, "address") as Element;
  Object.assign(address.attributes, { bus: `0x0${first?.attributes["index"]}`, slot: "0x01" });
  const sound = (of: Element) => deviceNamed(of, "ua-hostdev-sound") as Element;
  const mended = applyInputs(clone(old), devices(1), devices(1));
  expect(busOf(sound(mended))).not.toBe(busOf(sound(old)));
  expect(busOf(deviceNamed(mended, "ua-hostdev-gpu") as Element)).toBe(
    busOf(deviceNamed(old, "ua-hostdev-gpu") as Element),
  );
  expect(child(sound(applyInputs(clone(old), devices(), devices(1))), "address")).toBeUndefined();
});

test("NUMA tuning goes with its nodes as a whole, and leaves what binds single cells or is chosen by the host", () => {
  const nodes = inputsOf({ numaTune: { nodes: "0" } });
  const left = (tuning: string) => {
    const document = compose(inputsOf({}));
    document.children.push(parse(`<numatune>${tuning}</numatune>`));
    return child(applyInputs(document, inputsOf({}), nodes), "numatune")?.children;
  };
  expect(left("<memory mode='strict' nodeset='0'/>")).toBeUndefined();
  const others = ["<memnode cellid='0' mode='strict' nodeset='0'/>", "<memory mode='strict' placement='auto'/>"];
  for (const other of others) expect(left(other)).toEqual([parse(other)]);
  expect(left(`<memory mode='strict' nodeset='0'/>${others[0]}`)).toEqual([parse(`${others[0]}`)]);
});

test("entries of an adopted machine that its program has never named stay", () => {
  const others = {
    disks: { root: disk("/a") },
    graphics: { spice: {} },
    securityLabels: { selinux: { type: "none" as const, acceptLessIsolation: true } },
  };
  const document = compose(inputsOf(others));
  const ours = inputsOf({});
  expect(equal(applyInputs(clone(document), ours, { ...ours, adopted: true }), document)).toBe(true);
  // What the program named and takes out goes, as does what a machine of ours has beyond its program.
  const { graphics: _, ...rest } = others;
  const taken = applyInputs(clone(document), inputsOf(rest), { ...inputsOf(others), adopted: true });
  expect([devicesOf(taken, "graphics").length, target(taken, "root")]).toEqual([0, "vda"]);
  expect(devicesOf(applyInputs(clone(document), ours, ours), "disk")).toEqual([]);
});
