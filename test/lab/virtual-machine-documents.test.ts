import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { readRows } from "../../provider/resources/document";
import { type Inputs, rows } from "../../provider/resources/virtual-machine/rows";
import { parse } from "../../provider/schema/tree";
import { type Lab, startLab } from "./lab";
import { Machine } from "./machines";

/** Every golden case of a device, through a real daemon: accepted, and read back as the program wrote it. */
const folder = join(__dirname, "../golden/virtual-machine");
const ours = /^((?:disk|nic|passt|scsi|filesystems|iothread)[\w.-]*)\.json$/;
/** The lab's daemon is libvirt 9.0, which would drop in silence what it does not know. */
const isNewer = (name: string) => /-libvirt-(?!9\.0$)/.test(name);
const cases = readdirSync(folder)
  .flatMap((file) => ours.exec(file)?.[1] ?? [])
  .filter((name) => !isNewer(name));
const maps = ["disks", "nics", "filesystems", "scsiControllers", "blkio", "throttleGroups", "iothreads"] as const;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
}, 60_000);

afterAll(() => lab.stop(), 30_000);

/**
 * What a program wrote and the document shows in other words: a volume by its path, a raw image that is said to be one,
 * the controller by its number, the identity that libvirt makes up for a port of Open vSwitch.
 */
const otherwise = ["volume", "format", "controller", "parameters"];

function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null, (key, item) => (otherwise.includes(key) ? undefined : item)));
}

test.each(cases)(
  "%s",
  async (name) => {
    const text = readFileSync(join(folder, `${name}.json`), "utf8");
    const here = { virtType: "qemu", state: "stopped", autostart: false };
    const written = JSON.parse(text.replaceAll("qemu+ssh://root@rack1.example/system", lab.host.socketUri)) as Values;
    const vm = new Machine(lab.host, name.replaceAll(".", "-"));
    const args = { ...written, ...here, host: vm.reference };
    try {
      await vm.create(args);
      const document = parse(await vm.xml("--inactive", "--security-info"));
      const wanted = vm.state as unknown as Inputs;
      const seen = readRows(rows, wanted, document);
      for (const map of maps) expect([map, comparable(seen[map])]).toEqual([map, comparable(wanted[map])]);
      expect(await vm.refresh()).toEqual([]);
      await vm.up(args);
      expect(await vm.refresh()).toEqual([]);
    } finally {
      if (vm.id !== "") await vm.delete();
      await vm.context.close();
    }
  },
  30_000,
);
