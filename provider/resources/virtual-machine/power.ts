import { isConnectionLost, KvmError, messageOf } from "../../core/errors";
import type { Context } from "../../core/handler";
import { parseDuration } from "../../core/units";
import type { Element } from "../../schema/tree";
import { poll } from "../poll";
import { agentAnswers } from "./agent";
import type { Domain } from "./domain";
import { poweroffIn, setPoweroff } from "./lifecycle-actions";
import { type PowerState, plights } from "./power-state";
import type { Inputs } from "./rows";
import { startOnceFree } from "./start-once-free";

type StopSettings = Pick<Inputs, "stopTimeout" | "onStopTimeout">;

/** Seconds that a guest has to wake, and within which the error of a disk comes back whose cause is still there. */
const [wakeTime, relapse] = [10, 1];

/** How often somebody else may be quicker than we are. */
const attempts = 3;

/** Done before each start of the guest. */
type BeforeStart = () => Promise<void>;

/** Brings the domain, which is `seen` in a state, to the wanted one. Returns whether the guest was started. */
export async function enforcePower(
  domain: Domain,
  inputs: Inputs,
  context: Context,
  beforeStart: BeforeStart = async () => undefined,
  seen?: PowerState,
): Promise<boolean> {
  for (let left = attempts, now = seen; ; left--) {
    now ??= await domain.powerState();
    try {
      return await changePower(domain, now, inputs, context, beforeStart);
    } catch (error) {
      // libvirt calls invalid what comes too late: the guest, or somebody else, changed its state meanwhile.
      const late = error instanceof KvmError && error.code === "conflict" && (await domain.power()) !== now.power;
      if (!late || left === 1) throw error;
      now = undefined;
    }
  }
}

async function changePower(
  domain: Domain,
  now: PowerState,
  { state: wanted, ...settings }: Inputs,
  context: Context,
  beforeStart: BeforeStart,
): Promise<boolean> {
  // A crashed guest that libvirt preserved is in the way of a new one, and of nothing running.
  if (now.plight === "crashed") await unlessOff(domain, () => domain.destroy());
  if (now.power === wanted) return false;
  if (wanted === "stopped") {
    await stop(domain, settings, context);
    return false;
  }
  if (now.power === "stopped") {
    await beforeStart();
    context.progress("starting");
    await startOnceFree(domain, wanted === "paused", context);
    return true;
  }
  if (wanted === "paused") await domain.suspend();
  else await goOn(domain, now, context);
  return false;
}

/** Lets a guest that a hand has paused go on, ahead of what only a running one does. What else stops one waits. */
export async function resumeHeld(domain: Domain, now: PowerState, { state: wanted }: Inputs): Promise<void> {
  if (now.power !== "paused" || now.plight || wanted !== "running") return;
  await unlessOff(domain, () => domain.resume());
}

/** Lets a guest go on that should run, and sees whether it does where something else than a hand has stopped it. */
async function goOn(domain: Domain, now: PowerState, context: Context): Promise<void> {
  if (now.plight) context.warn(`${plights[now.plight]}: it is told to go on`);
  await resume(domain, now, context);
  if (now.plight !== "io-error") return;
  const step = `resume VirtualMachine ${domain.name}`;
  const again = await poll({ step, seconds: relapse, signal: context.signal, interval: 0.25 }, async () =>
    (await domain.powerState()).plight === "io-error" ? true : undefined,
  );
  if (!again) return;
  throw new KvmError("denied", {
    step,
    host: domain.host,
    reason: "the same error of a disk paused the guest again; what it wanted to write waits in its memory",
    remedy: `remove the cause (virsh domblkerror ${domain.name} names the disk; mostly its storage is full), then run pulumi up again`,
  });
}

async function resume(domain: Domain, { plight }: PowerState, { signal }: Context): Promise<void> {
  if (plight !== "asleep") return domain.resume();
  await domain.wake();
  const step = `wake VirtualMachine ${domain.name}`;
  const awake = await poll({ step, seconds: wakeTime, signal, interval: 0.25 }, async () =>
    (await domain.powerState()).plight === "asleep" ? undefined : true,
  );
  if (awake) return;
  throw new KvmError("timeout", {
    step,
    host: domain.host,
    reason: `the guest did not wake within ${wakeTime} s`,
    remedy: `look at its console (virsh console ${domain.name}), or start it anew: state "stopped", then "running"`,
  });
}

/**
 * Asks the guest to shut down, by its agent where it answers and by the power button, and waits. What follows when it
 * does not is the user's choice. A guest that is off already is what was wanted.
 */
export async function stop(domain: Domain, settings: StopSettings, context: Context): Promise<void> {
  const now = await domain.powerState();
  if (now.plight === "crashed") await unlessOff(domain, () => domain.destroy());
  if (now.power === "stopped") return;
  if (now.power === "paused") await unlessOff(domain, () => resume(domain, now, context));
  const live = await domain.liveInFull();
  const giveBack = await staysOff(domain, live);
  try {
    await shutDown(domain, live, settings, context);
  } catch (error) {
    await giveBack().catch((failure: unknown) => context.warn(messageOf(failure)));
    throw error;
  }
}

/**
 * libvirt takes our wish for the guest's own: one that is to start anew when it shuts itself down would do so, and be
 * pulled the plug of in the midst of that. Answers what makes it so again where the guest goes on.
 */
async function staysOff(domain: Domain, live: Element): Promise<() => Promise<void>> {
  const action = poweroffIn(live);
  if (action === "destroy") return async () => undefined;
  await unlessOff(domain, () => setPoweroff(domain, "destroy"));
  return () => unlessOff(domain, () => setPoweroff(domain, action));
}

async function shutDown(domain: Domain, live: Element, settings: StopSettings, context: Context): Promise<void> {
  context.progress("shutting down");
  const seconds = parseDuration(settings.stopTimeout);
  const agent = await agentAnswers(domain, live);
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
    if (isConnectionLost(error)) throw error;
    return (await domain.power()) === "stopped";
  }
}

/** Does what fails only because the guest went off by itself meanwhile, which is what was wanted. */
async function unlessOff(domain: Domain, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isConnectionLost(error) || (await domain.power()) !== "stopped") throw error;
  }
}

async function isOff(domain: Domain, seconds: number, { signal }: Context): Promise<boolean> {
  const step = `stop VirtualMachine ${domain.name}`;
  const off = await poll({ step, seconds, signal, interval: 0.3 }, async () =>
    (await domain.power()) === "stopped" ? true : undefined,
  );
  return off === true;
}
