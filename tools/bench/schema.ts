import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toElement, toObject } from "../../provider/schema/object";
import { shapesOf } from "../../provider/schema/shape";
import { parse, render } from "../../provider/schema/tree";
import { median, rounded } from "./time";

const root = join(__dirname, "../..");

/** The model of libvirt's documents: reading and writing, its tables, and what its types cost a user's compiler. */
export function measureSchema(): object[] {
  const document = domainOf(6 * 1024);
  const once = () => render(toElement("domain", toObject(parse(document))));
  for (let count = 0; count < 50; count++) once();
  const before = process.cpuUsage();
  const times = Array.from({ length: 200 }, () => elapsed(once));
  const { user, system } = process.cpuUsage(before);
  const tables = join(root, "provider/schema/generated/tables.json");
  const load = () => shapesOf(JSON.parse(readFileSync(tables, "utf8")))("domain");
  const [with_, without] = [tsc(withOverlay), tsc(plain)];
  return [
    {
      measure: "parse and render a domain",
      bytes: document.length,
      milliseconds: rounded(times.reduce((sum, time) => sum + time, 0) / times.length),
      // What a busy machine does not change.
      cpuMilliseconds: rounded((user + system) / 1000 / times.length),
      goal: "below 2 ms",
    },
    {
      measure: "load the schema's tables",
      milliseconds: rounded(median(Array.from({ length: 9 }, () => elapsed(load)))),
      goal: "below 50 ms",
    },
    {
      measure: "tsc of a program with overlay",
      seconds: rounded(with_),
      without: rounded(without),
      adds: rounded(with_ - without),
      goal: "adds less than 2 s",
    },
  ];
}

function domainOf(bytes: number): string {
  const disk = (index: number) =>
    `<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' io='native'/><source file='/srv/vms/disk-${index}.qcow2'/><target dev='vd${String.fromCharCode(97 + index)}' bus='virtio'/><address type='pci' domain='0x0000' bus='0x0${index}' slot='0x00' function='0x0'/></disk>`;
  const head = `<domain type='kvm'><name>db</name><memory unit='KiB'>4194304</memory><vcpu placement='static'>4</vcpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><features><acpi/><apic/></features><cputune>${Array.from({ length: 4 }, (_, vcpu) => `<vcpupin vcpu='${vcpu}' cpuset='${vcpu}'/>`).join("")}</cputune><devices>`;
  const disks: string[] = [];
  while (head.length + disks.join("").length < bytes) disks.push(disk(disks.length));
  return `${head}${disks.join("")}</devices></domain>`;
}

const plain = `new VirtualMachine("db", { host, memory: "1 GiB", vcpus: 2 });`;
const withOverlay = `new VirtualMachine("db", { host, memory: "1 GiB", vcpus: 2, overlay: {
  iothreads: 2, cputune: { shares: 2048, vcpupin: [{ vcpu: 0, cpuset: "2" }] },
  devices: { disk: [{ target: { dev: "vda" }, driver: { queues: 4 } }] } } });`;

/** Seconds that the compiler needs for a program, the faster of two runs. */
function tsc(program: string): number {
  const folder = mkdtempSync(join(root, ".bench-"));
  try {
    // Without an overlay nothing of libvirt's documents is looked at, although the class names their types.
    const lines = [
      `import { VirtualMachine } from "${join(root, "sdk/virtual-machine")}";`,
      "declare const host: any;",
      program,
      "",
    ];
    writeFileSync(join(folder, "program.ts"), lines.join("\n"));
    const options = {
      extends: "../tsconfig.json",
      compilerOptions: { noEmit: true, incremental: false },
      include: ["program.ts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
    const compile = () => {
      const words = [join(root, "node_modules/typescript/bin/tsc"), "-p", folder];
      execFileSync(process.execPath, words, { stdio: "pipe" });
    };
    return Math.min(elapsed(compile), elapsed(compile)) / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function elapsed(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}
