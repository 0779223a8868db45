import { parseArgs } from "node:util";
import { openConnection } from "../../provider/adapters/client";
import type { Connection } from "../../provider/libvirt/connection";
import type { Stack } from "../../test/engine/pulumi";
import { type Lab, startLab } from "../../test/lab/lab";
import * as bare from "./bare";
import { compared, type Goal } from "./compared";
import { measureDevices } from "./devices";
import { measureLedger } from "./ledger";
import { measureLive } from "./live";
import { peakMemory } from "./memory";
import { measurePlanning } from "./planning";
import { measureSchema } from "./schema";
import { benchStacks, inTurn, type Program } from "./stacks";
import { median, timed } from "./time";
import { measureUpload } from "./upload";

const steps = ["create", "preview", "update", "destroy"] as const;
type Step = (typeof steps)[number];
type Times = Readonly<Record<Step, number>>;

const goals: Readonly<Record<Step, Goal>> = {
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
      rounds: { type: "string", default: "5" },
      running: { type: "string", default: "50" },
    },
  });
  const [vms, rounds] = [Number(values.vms), Number(values.rounds)];
  for (const line of [...measurePlanning(), ...measureSchema()]) console.log(JSON.stringify(line));
  const lab = await startLab();
  try {
    // The bare calls come first: they find the daemon as cold as it is only once.
    const calls = await bareCalls(lab, vms);
    const { result, megabytes } = await peakMemory("cmd/dynamic-provider", () => deployInTurns(lab, vms, rounds));
    for (const step of steps) {
      const seconds = { ...secondsOf(result, step), calls: calls[step] };
      console.log(JSON.stringify(compared(step, vms, seconds, goals[step])));
    }
    console.log(JSON.stringify(await measureLedger(lab.host, 200)));
    console.log(JSON.stringify(await measureLive(lab.host, Number(values.running), rounds)));
    console.log(JSON.stringify({ measure: "memory of the provider process", vms, megabytes, goal: "at most 200 MB" }));
    console.log(JSON.stringify(await measureUpload(lab.host)));
  } finally {
    await lab.stop();
  }
}

/** All programs step by step and in turns, so that none meets the machine in a better mood. */
async function deployInTurns(lab: Lab, vms: number, rounds: number): Promise<Readonly<Record<Program, Times>>> {
  const { stacks, remove } = await benchStacks(lab.host, { vms: String(vms), title: "bench" });
  const seconds = stacks.map(({ program, stack }) => ({ program, stack, times: noTimes() }));
  try {
    for (let round = 0; round < rounds; round++) {
      const each = async (step: Step, work: (stack: Stack) => Promise<unknown>) => {
        for (const { stack, times } of inTurn(seconds, round)) times[step].push(await timed(() => work(stack)));
      };
      await each("create", (stack) => stack.up());
      await each("preview", (stack) => stack.preview());
      for (const { stack } of stacks) await stack.setConfig("title", `title ${round}`);
      await each("update", (stack) => stack.up());
      await each("destroy", (stack) => stack.destroy());
    }
  } finally {
    await remove();
  }
  const entries = seconds.map(({ program, times }) => [program, medians(times)] as const);
  return Object.fromEntries(entries) as Record<Program, Times>;
}

function secondsOf({ least, empty, bare, kvm }: Readonly<Record<Program, Times>>, step: Step) {
  return { least: least[step], empty: empty[step], bare: bare[step], kvm: kvm[step] };
}

function noTimes(): Record<Step, number[]> {
  return { create: [], preview: [], update: [], destroy: [] };
}

function medians({ create, preview, update, destroy }: Readonly<Record<Step, readonly number[]>>): Times {
  return { create: median(create), preview: median(preview), update: median(update), destroy: median(destroy) };
}

/**
 * The sum of the bare calls of such a deployment, one after another over one ssh connection: for each machine a look
 * whether it is there, and what is done to it.
 */
async function bareCalls(lab: Lab, vms: number): Promise<Times> {
  const { uri } = lab.host;
  await (await openConnection({ uri })).close();
  let connection = await openConnection({ uri });
  const connecting = await timed(async () => {
    await connection.close();
    connection = await openConnection({ uri });
  });
  const each = (work: (connection: Connection, uuid: string, title: string) => Promise<unknown>, title = "") =>
    timed(async () => {
      for (const uuid of bare.uuids(vms)) await work(connection, uuid, title);
    });
  try {
    const host = await timed(() => bare.describeHost(connection));
    return {
      create: connecting + host + (await each(bare.create, "bench")),
      preview: 0,
      update: connecting + (await each(bare.update, "another")),
      destroy: connecting + (await each(bare.destroy)),
    };
  } finally {
    await connection.close();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
