import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Values } from "../../provider/core/handler";
import type { Libvirt } from "../../provider/libvirt/api";
import { domainHandle } from "../../provider/libvirt/procedures";
import { virtTypesOf } from "../../provider/resources/host/facts";
import { topologyOf } from "../../provider/resources/host-topology";
import { parse } from "../../provider/schema/tree";
import { cacheFolder, startLab } from "../../test/lab/lab";
import { BenchHost } from "./bench-host";
import { withHugePages } from "./huge-pages";
import { median } from "./time";

interface Options {
  readonly virtType: "kvm" | "qemu";
  readonly vcpus: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** Rates by the name of the measure, one of each round. */
type Rates = ReadonlyMap<string, readonly number[]>;

/** Seconds that a guest may take to boot, measure and power off. */
const patience = 180;

/**
 * The pairs by which people choose devices, each measured inside of guests on one host: virtio against IDE and e1000,
 * one queue against many, with and without an IOThread and huge pages. One JSON line a pair.
 */
export async function measureDevices(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      uri: { type: "string" },
      "virt-type": { type: "string" },
      "pool-path": { type: "string", default: "/var/lib/libvirt/kvm-bench" },
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "2" },
    },
  });
  const lab = values.uri === undefined ? await startLab() : undefined;
  const host = new BenchHost(values.uri ?? lab?.host.uri ?? "", values["pool-path"]);
  try {
    const connection = await host.connection();
    const { capabilities } = await connection.call("CONNECT_GET_CAPABILITIES", {});
    const document = parse(capabilities);
    const wanted = values["virt-type"] ?? (virtTypesOf(document).includes("kvm") ? "kvm" : "qemu");
    const cpus = topologyOf(document).cells.reduce((sum, cell) => sum + cell.cpus.length, 0);
    const options: Options = {
      virtType: wanted === "kvm" ? "kvm" : "qemu",
      vcpus: Math.max(2, Math.min(4, cpus)),
      seconds: Number(values.seconds),
      rounds: Number(values.rounds),
    };
    const conditions = {
      host: connection.uri.replace(/\?.*/, ""),
      libvirt: connection.version,
      hostCpus: cpus,
      ...options,
      ...(options.virtType === "qemu" && { note: "emulated, not evidence" }),
    };
    const print = (line: object, more: object) => console.log(JSON.stringify({ ...line, ...more, conditions }));
    await measureDisks(host, options, print);
    await measureNetworks(host, options, print);
    await measureMemory(host, connection, options, print);
  } finally {
    await host.close().finally(() => lab?.stop());
  }
}

type Print = (line: object, more: object) => void;

/** One line: how many times the second the first is. */
function compare(rates: Rates, measure: string, pair: string, [first, second]: readonly [string, string]): object {
  const [one, other] = [median(rates.get(first) ?? []), median(rates.get(second) ?? [])];
  if (!(one > 0 && other > 0)) throw new Error(`the guest measured nothing of ${pair}: ${one} and ${other}`);
  return { measure, pair, ratio: Math.round((one / other) * 100) / 100, rates: [Math.round(one), Math.round(other)] };
}

async function measureDisks(host: BenchHost, options: Options, print: Print): Promise<void> {
  const size = "64 MiB";
  const disk = (name: string) => host.volume(name, size);
  const rates = await inGuest(host, options, "disk", {
    // IDE is on the older machine alone; all three disks are on it, so that nothing else differs.
    machine: "pc",
    iothreads: 1,
    disks: {
      ide: { volume: await disk("ide"), bus: "ide" },
      plain: { volume: await disk("plain"), serial: "plain" },
      thread: { volume: await disk("thread"), serial: "thread", iothread: 1 },
    },
  });
  const measure = "reads of 4 KiB per second, past the guest's cache";
  const many = `jobs=${options.vcpus}`;
  const image = { image: `${size} raw, in the host's cache` };
  const line = (pair: string, first: string, second: string) =>
    print(compare(rates, measure, pair, [`disk ${first}`, `disk ${second}`]), image);
  line("virtio against IDE, one reader", "plain jobs=1", "ide jobs=1");
  line(`virtio against IDE, ${options.vcpus} readers`, `plain ${many}`, `ide ${many}`);
  line("IOThread against none, one reader", "thread jobs=1", "plain jobs=1");
  line(`IOThread against none, ${options.vcpus} readers`, `thread ${many}`, `plain ${many}`);
}

async function measureNetworks(host: BenchHost, options: Options, print: Print): Promise<void> {
  // The last byte of the MAC address is the number by which the guests know an interface.
  const kinds: readonly Values[] = [
    { model: "virtio", queues: 1 },
    { model: "virtio", queues: options.vcpus },
    { model: "e1000" },
  ];
  const networks: Values[] = [];
  for (const index of kinds.keys()) networks.push(await host.network(`link${index + 1}`));
  const nics = (end: number) =>
    Object.fromEntries(
      kinds.map((kind, index) => [
        `link${index + 1}`,
        { ...kind, network: networks[index], mac: `52:54:00:be:0${end}:0${index + 1}` },
      ]),
    );
  await host.machine("receiver", await guestArguments(host, options, "receive", { nics: nics(1) }));
  const rates = await inGuest(host, options, "send", { nics: nics(2) });
  const many = `jobs=${options.vcpus}`;
  const measure = "bytes per second over TCP, from guest to guest";
  const line = (pair: string, first: number, second: number) =>
    print(compare(rates, measure, pair, [`net ${first} ${many}`, `net ${second} ${many}`]), {
      connections: options.vcpus,
    });
  line("virtio with one queue against e1000", 1, 3);
  line(`${options.vcpus} queues against one`, 2, 1);
}

async function measureMemory(host: BenchHost, connection: Libvirt, options: Options, print: Print): Promise<void> {
  const measure = "pages of 4 KiB first touched per second";
  const pair = "huge pages of 2 MiB against none";
  const without = await inGuest(host, options, "memory", {});
  const withPages = await withHugePages(connection, Number.parseInt(memory, 10) / 2, () =>
    inGuest(host, options, "memory", { hugePages: [{ size: "2 MiB" }], balloon: { model: "none" } }),
  );
  if (!withPages) {
    print({ measure, pair, skipped: `the host has no ${memory} in pages of 2 MiB free, and makes none` }, {});
    return;
  }
  const rates = new Map([
    ["huge", withPages.get("memory") ?? []],
    ["small", without.get("memory") ?? []],
  ]);
  print(compare(rates, measure, pair, ["huge", "small"]), {});
}

const memory = "256 MiB";

/** Runs a guest to its end; answers what it measured, and leaves nothing of it. */
async function inGuest(host: BenchHost, options: Options, work: string, args: Values): Promise<Rates> {
  const mark = host.mark;
  const common = await guestArguments(host, options, work, args);
  const results = await host.volume(`results-${work}`, "1 MiB");
  const disks = { ...(args["disks"] as Values | undefined), results: { volume: results, serial: "results" } };
  const { uuid } = await host.machine(work, { ...common, disks });
  await poweredOff(await host.connection(), String(uuid));
  const text = await host.textOf(results);
  await host.remove(mark);
  const rates = new Map<string, number[]>();
  for (const [, name = "", count, time] of text.matchAll(/^(.+) count=(\d+) centiseconds=(\d+)$/gm)) {
    rates.set(name, [...(rates.get(name) ?? []), (Number(count) * 100) / Number(time)]);
  }
  if (rates.size === 0) throw new Error(`the guest that measures "${work}" left no results`);
  return rates;
}

async function guestArguments(host: BenchHost, options: Options, work: string, args: Values): Promise<Values> {
  const { virtType, vcpus, seconds, rounds } = options;
  const files = join(cacheFolder(), "guest-full");
  const file = (name: string) => host.file(`${name}-${work}`, join(files, name));
  const words = { bench: work, seconds, rounds, jobs: vcpus };
  const orders = Object.entries(words).map(([word, value]) => `guest.${word}=${value}`);
  return {
    virtType,
    vcpus,
    memory,
    boot: {
      kernel: await file("vmlinuz"),
      initrd: await file("initrd.gz"),
      cmdline: ["console=ttyS0 quiet mitigations=off", ...orders].join(" "),
    },
    ...args,
  };
}

/** VIR_DOMAIN_SHUTOFF */
const shutOff = 5;

async function poweredOff(connection: Libvirt, uuid: string): Promise<void> {
  const until = Date.now() + patience * 1000;
  while (Date.now() < until) {
    const { state } = await connection.call("DOMAIN_GET_STATE", { dom: domainHandle(uuid), flags: 0 });
    if (state === shutOff) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`the guest ${uuid} did not come to its end within ${patience} s`);
}
