import { join } from "node:path";
import { parseArgs } from "node:util";
import { openConnection } from "../../provider/adapters/client";
import type { Connection } from "../../provider/libvirt/connection";
import { domainHandle } from "../../provider/libvirt/procedures";
import { kinds } from "../../provider/resources/host-devices";
import { Stack } from "../../test/engine/pulumi";
import { type Lab, startLab } from "../../test/lab/lab";
import { measureDevices } from "./devices";
import { measureLedger } from "./ledger";
import { measureLive } from "./live";
import { peakMemory } from "./memory";
import { measurePlanning } from "./planning";
import { measureSchema } from "./schema";
import { median, timed } from "./time";
import { measureUpload } from "./upload";

const root = join(__dirname, "../..");
const steps = ["create", "preview", "update", "destroy"] as const;
type Step = (typeof steps)[number];
type Times = Readonly<Record<Step, number>>;
type Program = "empty" | "kvm";

/** Most that each step may take. The bare work is that of our own client alone: connecting, and the calls. */
const goals: Readonly<Record<Step, string>> = {
  create: "empty + 1.5 bare",
  preview: "1.3 empty",
  update: "empty + 1.5 bare",
  destroy: "empty + 1.5 bare",
};

async function main(): Promise<void> {
  const [first, ...words] = process.argv.slice(2);
  if (first === "devices") return measureDevices(words);
  const { values } = parseArgs({
    // Each step is measured as often as `rounds` says; the median counts.
    options: {
      vms: { type: "string", default: "20" },
      rounds: { type: "string", default: "3" },
      running: { type: "string", default: "50" },
    },
  });
  const [vms, rounds] = [Number(values.vms), Number(values.rounds)];
  for (const line of [...measurePlanning(), ...measureSchema()]) console.log(JSON.stringify(line));
  const lab = await startLab();
  try {
    // The bare calls come first: they find the daemon as cold as it is only once.
    const bare = await bareCalls(lab, vms);
    const { result, megabytes } = await peakMemory("cmd/dynamic-provider", () => deployInTurns(lab, vms, rounds));
    for (const step of steps) print(step, vms, result.kvm, result.empty, bare);
    console.log(JSON.stringify(await measureLedger(lab.host, 200)));
    console.log(JSON.stringify(await measureLive(lab.host, Number(values.running), rounds)));
    console.log(JSON.stringify({ measure: "memory of the provider process", vms, megabytes, goal: "at most 200 MB" }));
    console.log(JSON.stringify(await measureUpload(lab.host)));
  } finally {
    await lab.stop();
  }
}

function print(step: Step, vms: number, ours: Times, empty: Times, bare: Times): void {
  const round = (value: number) => Math.round(value * 100) / 100;
  const allowed = step === "preview" ? 1.3 * empty[step] : empty[step] + 1.5 * bare[step];
  console.log(
    JSON.stringify({
      measure: step,
      vms,
      seconds: round(ours[step]),
      emptyProviderSeconds: round(empty[step]),
      bareCallsSeconds: round(bare[step]),
      ratioToEmpty: round(ours[step] / empty[step]),
      ratioToGoal: round(ours[step] / allowed),
      goal: goals[step],
    }),
  );
}

/** Both programs step by step and in turns, so that neither meets the machine in a better mood. */
async function deployInTurns(lab: Lab, vms: number, rounds: number): Promise<Readonly<Record<Program, Times>>> {
  const measured = { empty: measuredStack("empty", lab, vms), kvm: measuredStack("kvm", lab, vms) };
  const both = Object.values(measured);
  const each = async (step: Step, work: (stack: Stack) => Promise<unknown>) => {
    for (const { stack, seconds } of both) seconds[step].push(await timed(() => work(stack)));
  };
  try {
    for (const { stack } of both) await stack.init();
    for (let round = 0; round < rounds; round++) {
      await each("create", (stack) => stack.up());
      await each("preview", (stack) => stack.preview());
      for (const { stack } of both) await stack.setConfig("title", `title ${round}`);
      await each("update", (stack) => stack.up());
      await each("destroy", (stack) => stack.destroy());
    }
    return { empty: medians(measured.empty.seconds), kvm: medians(measured.kvm.seconds) };
  } finally {
    for (const { stack } of both) {
      await stack.run("destroy", "--yes", "--skip-preview");
      stack.remove();
    }
  }
}

function measuredStack(program: Program, lab: Lab, vms: number) {
  const config = { vms: String(vms), title: "bench", ...(program === "kvm" && { hostUri: lab.host.uri }) };
  const seconds: Record<Step, number[]> = { create: [], preview: [], update: [], destroy: [] };
  return { stack: new Stack({ program: join(root, "test/bench", program), config }), seconds };
}

function medians(seconds: Readonly<Record<Step, readonly number[]>>): Times {
  const { create, preview, update, destroy } = seconds;
  return { create: median(create), preview: median(preview), update: median(update), destroy: median(destroy) };
}

/**
 * The sum of the bare calls that such a deployment cannot do without, one after another over one ssh connection: what
 * Host tells of its machine; for each machine a look whether it is there, and what is done to it.
 */
async function bareCalls(lab: Lab, vms: number): Promise<Times> {
  const { uri } = lab.host;
  await (await openConnection({ uri })).close();
  let connection = await openConnection({ uri });
  const connecting = await timed(async () => {
    await connection.close();
    connection = await openConnection({ uri });
  });
  const each = (work: (uuid: string) => Promise<unknown>) =>
    timed(async () => {
      for (let index = 0; index < vms; index++) await work(uuidOf(index));
    });
  try {
    const host = await timed(() => describeHost(connection));
    const create = await each(async (uuid) => {
      await connection.call("DOMAIN_LOOKUP_BY_UUID", { uuid }).catch(() => undefined);
      await connection.call("DOMAIN_LOOKUP_BY_NAME", { name: nameOf(uuid) }).catch(() => undefined);
      await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, "bench"), flags: 0 });
      await read(connection, uuid);
    });
    const update = await each(async (uuid) => {
      await stateOf(connection, uuid);
      await read(connection, uuid);
      await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, "another"), flags: 0 });
      await read(connection, uuid);
    });
    const undefineAll = 1 | 2 | 4;
    const destroy = await each(async (uuid) => {
      await stateOf(connection, uuid);
      await read(connection, uuid);
      await connection.call("DOMAIN_UNDEFINE_FLAGS", { dom: domainHandle(uuid), flags: undefineAll });
    });
    return {
      create: connecting + host + create,
      preview: 0,
      update: connecting + update,
      destroy: connecting + destroy,
    };
  } finally {
    await connection.close();
  }
}

async function describeHost(connection: Connection): Promise<void> {
  const machine = { emulatorbin: undefined, arch: "x86_64", machine: "q35", virttype: "qemu", flags: 0 };
  await connection.call("CONNECT_GET_CAPABILITIES", {});
  await connection.call("CONNECT_GET_HOSTNAME", {});
  await connection.call("CONNECT_GET_VERSION", {});
  await connection.call("CONNECT_GET_DOMAIN_CAPABILITIES", machine);
  const { devices } = await connection.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds });
  for (const { name } of devices) await connection.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 });
}

function stateOf(connection: Connection, uuid: string): Promise<unknown> {
  return connection.call("DOMAIN_GET_STATE", { dom: domainHandle(uuid), flags: 0 });
}

function read(connection: Connection, uuid: string): Promise<unknown> {
  return connection.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuid), flags: 0 });
}

function uuidOf(index: number): string {
  return `cccccccc-0000-4000-8000-${String(index).padStart(12, "0")}`;
}

function nameOf(uuid: string): string {
  return `bare-${uuid.slice(-6)}`;
}

function documentOf(uuid: string, title: string): string {
  return `<domain type="qemu"><name>${nameOf(uuid)}</name><uuid>${uuid}</uuid><title>${title}</title>
    <memory unit="MiB">64</memory><os><type machine="q35">hvm</type></os><features><acpi/></features>
    <devices><serial type="pty"/><channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng></devices></domain>`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
