import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Connection, connect } from "../../provider/libvirt/connection";
import { domainHandle } from "../../provider/libvirt/procedures";
import { openDialer } from "../../provider/transport/open";
import { Stack } from "../../test/engine/pulumi";
import { type Lab, startLab } from "../../test/lab/lab";
import { measureUpload } from "./upload";

const root = join(__dirname, "../..");
const steps = ["create", "preview", "update", "destroy"] as const;
type Step = (typeof steps)[number];
type Times = Readonly<Record<Step, number>>;

/** Most that each step may take, as a multiple of the empty provider and of the bare calls. */
const goals: Readonly<Record<Step, string>> = {
  create: "empty + 1.5 bare",
  preview: "1.3 empty",
  update: "empty + 1.5 bare",
  destroy: "empty + 1.5 bare",
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { vms: { type: "string", default: "20" } } });
  const vms = Number(values.vms);
  const lab = await startLab();
  try {
    const empty = await deploy("empty", lab, vms);
    const bare = await bareCalls(lab, vms);
    const ours = await deploy("kvm", lab, vms);
    for (const step of steps) print(step, vms, ours, empty, bare);
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

async function deploy(program: "kvm" | "empty", lab: Lab, vms: number): Promise<Times> {
  const stack = new Stack({
    program: join(root, "test/bench", program),
    config: { vms: String(vms), ...(program === "kvm" && { hostUri: lab.host.uri }) },
  });
  try {
    await stack.init();
    const create = await timed(() => stack.up());
    const preview = await timed(() => stack.preview());
    await stack.setConfig("title", "another");
    const update = await timed(() => stack.up());
    const destroy = await timed(() => stack.destroy());
    return { create, preview, update, destroy };
  } finally {
    await stack.run("destroy", "--yes", "--skip-preview");
    stack.remove();
  }
}

/** The same work by the calls alone, over the same ssh connection. */
async function bareCalls(lab: Lab, vms: number): Promise<Times> {
  const { uri } = lab.host;
  const dialer = openDialer({ uri });
  const connection = await connect({ uri, driverUri: dialer.driverUri, dialer });
  const all = (work: (uuid: string) => Promise<unknown>) =>
    timed(() => Promise.all(Array.from({ length: vms }, (_, index) => work(uuidOf(index)))));
  try {
    const create = await all(async (uuid) => {
      await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, "bench"), flags: 0 });
      await read(connection, uuid);
    });
    const update = await all(async (uuid) => {
      await read(connection, uuid);
      await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, "another"), flags: 0 });
      await read(connection, uuid);
    });
    const undefineAll = 1 | 2 | 4;
    const destroy = await all((uuid) =>
      connection.call("DOMAIN_UNDEFINE_FLAGS", { dom: domainHandle(uuid), flags: undefineAll }),
    );
    return { create, preview: 0, update, destroy };
  } finally {
    await connection.close();
  }
}

function read(connection: Connection, uuid: string): Promise<unknown> {
  return connection.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuid), flags: 0 });
}

function uuidOf(index: number): string {
  return `cccccccc-0000-4000-8000-${String(index).padStart(12, "0")}`;
}

function documentOf(uuid: string, title: string): string {
  return `<domain type="qemu"><name>bare-${uuid.slice(-6)}</name><uuid>${uuid}</uuid><title>${title}</title>
    <memory unit="MiB">64</memory><os><type machine="q35">hvm</type></os><features><acpi/></features>
    <devices><serial type="pty"/><channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng></devices></domain>`;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - started) / 1e9;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
