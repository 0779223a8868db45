import { openConnection } from "../../provider/adapters/client";
import type { Stack } from "../../test/engine/pulumi";
import type { LabHost } from "../../test/lab/host";
import { updateLive } from "./bare";
import { compared } from "./compared";
import { type BenchStack, benchStacks, inTurn, type Program } from "./stacks";
import { median, timed } from "./time";

/** Changes one live field of running guests over ssh: by the engine with each provider, and by the bare calls. */
export async function measureLive(host: LabHost, vms: number, rounds: number): Promise<object> {
  const { stacks, remove } = await benchStacks(host, { vms: String(vms), title: "start", running: "true" });
  const seconds: Record<Program | "calls", number[]> = { least: [], empty: [], bare: [], kvm: [], calls: [] };
  try {
    for (const program of ["least", "empty", "kvm"] as const) await stackOf(stacks, program).up();
    const uuids = await runningOn(host);
    // The guests are the same for both, and run once.
    await stackOf(stacks, "bare").setConfig("uuids", uuids.join(","));
    await stackOf(stacks, "bare").up();
    for (let round = 0; round < rounds; round++) {
      for (const { stack } of stacks) await stack.setConfig("title", `title ${round}`);
      for (const { program, stack } of inTurn(stacks, round)) seconds[program].push(await timed(() => stack.up()));
      seconds.calls.push(await bareCalls(host, uuids, `bare ${round}`));
    }
  } finally {
    await remove();
  }
  const [least, empty, bare] = [median(seconds.least), median(seconds.empty), median(seconds.bare)];
  const medians = { least, empty, bare, kvm: median(seconds.kvm), calls: median(seconds.calls) };
  return compared("change a live field of running VMs, over ssh", vms, medians, "empty + 1.5 bare");
}

function stackOf(stacks: readonly BenchStack[], wanted: Program): Stack {
  const found = stacks.find(({ program }) => program === wanted);
  if (!found) throw new Error(`there is no stack of the program ${wanted}`);
  return found.stack;
}

async function runningOn({ uri }: LabHost): Promise<string[]> {
  const connection = await openConnection({ uri });
  try {
    const { domains } = await connection.call("CONNECT_LIST_ALL_DOMAINS", { needResults: 1, flags: 1 });
    return domains.map(({ uuid }) => uuid);
  } finally {
    await connection.close();
  }
}

/** The sum of the bare calls, one after another over one ssh connection. */
async function bareCalls({ uri }: LabHost, uuids: readonly string[], title: string): Promise<number> {
  await (await openConnection({ uri })).close();
  return timed(async () => {
    const connection = await openConnection({ uri });
    try {
      for (const uuid of uuids) await updateLive(connection, uuid, title);
    } finally {
      await connection.close();
    }
  });
}
