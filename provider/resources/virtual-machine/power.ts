import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { parseDuration } from "../../core/units";
import { poll } from "../poll";
import { agentAnswers } from "./agent";
import type { Domain, Power } from "./domain";
import type { Inputs } from "./rows";

type StopSettings = Pick<Inputs, "stopTimeout" | "onStopTimeout">;

/** How often somebody else may be quicker than we are. */
const attempts = 3;

/** Done before each start of the guest. */
type BeforeStart = () => Promise<void>;

/** Brings the domain to the wanted power state. Returns whether the guest was started. */
export async function enforcePower(
  domain: Domain,
  inputs: Inputs,
  context: Context,
  beforeStart: BeforeStart = async () => undefined,
): Promise<boolean> {
  for (let left = attempts; ; left--) {
    const now = await domain.power();
    try {
      return await changePower(domain, now, inputs, context, beforeStart);
    } catch (error) {
      // libvirt calls invalid what comes too late: the guest, or somebody else, changed its state meanwhile.
      const late = error instanceof KvmError && error.code === "conflict" && (await domain.power()) !== now;
      if (!late || left === 1) throw error;
    }
  }
}

async function changePower(
  domain: Domain,
  now: Power,
  inputs: Inputs,
  context: Context,
  beforeStart: BeforeStart,
): Promise<boolean> {
  const wanted = inputs.state;
  if (now === wanted) return false;
  if (wanted === "stopped") {
    await stop(domain, inputs, context);
    return false;
  }
  if (now === "stopped") {
    await beforeStart();
    return start(domain, wanted, context);
  }
  if (wanted === "paused") await domain.suspend();
  else await domain.resume();
  return false;
}

async function start(domain: Domain, wanted: Power, context: Context): Promise<boolean> {
  context.progress("starting");
  // A crashed guest that libvirt preserved is in the way of a new one.
  if (await domain.isActive()) await domain.destroy();
  await domain.start(wanted === "paused");
  return true;
}

/**
 * Asks the guest to shut down, by its agent where it answers and by the power button, and waits. What follows when it
 * does not is the user's choice. A guest that is off already is what was wanted.
 */
export async function stop(domain: Domain, settings: StopSettings, context: Context): Promise<void> {
  const power = await domain.power();
  if (power === "stopped") {
    if (await domain.isActive()) await domain.destroy();
    return;
  }
  if (power === "paused") await unlessOff(domain, () => domain.resume());
  context.progress("shutting down");
  const seconds = parseDuration(settings.stopTimeout);
  const agent = await agentAnswers(domain);
  // An agent may accept the wish and do nothing: the power button follows when a third of the time is over.
  const stopped =
    (agent && (await asked(domain, "agent")) && (await isOff(domain, seconds / 3, context))) ||
    ((await asked(domain, "acpi")) && (await isOff(domain, agent ? (seconds * 2) / 3 : seconds, context)));
  if (stopped || (await domain.power()) === "stopped") return;
  if (settings.onStopTimeout === "fail") {
    throw new KvmError("timeout", {
      step: `stop VirtualMachine ${domain.name}`,
      host: domain.host,
      reason: `the guest did not shut down within ${settings.stopTimeout}; it was left running`,
      remedy: 'shut it down from inside, raise stopTimeout, or set onStopTimeout: "destroy"',
    });
  }
  context.warn(`the guest did not shut down within ${settings.stopTimeout}: its plug was pulled`);
  await unlessOff(domain, () => domain.destroy());
}

/** Whether the guest could be asked. One that cannot be asked may have gone off by itself just now. */
async function asked(domain: Domain, way: "agent" | "acpi"): Promise<boolean> {
  try {
    await domain.shutdown(way);
    return true;
  } catch (error) {
    if (isLost(error)) throw error;
    return (await domain.power()) === "stopped";
  }
}

function isLost(error: unknown): boolean {
  return error instanceof KvmError && error.code === "connection-lost";
}

/** Does what fails only because the guest went off by itself meanwhile, which is what was wanted. */
async function unlessOff(domain: Domain, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isLost(error) || (await domain.power()) !== "stopped") throw error;
  }
}

async function isOff(domain: Domain, seconds: number, { signal }: Context): Promise<boolean> {
  const step = `stop VirtualMachine ${domain.name}`;
  const off = await poll({ step, seconds, signal, interval: 0.3 }, async () =>
    (await domain.power()) === "stopped" ? true : undefined,
  );
  return off === true;
}
