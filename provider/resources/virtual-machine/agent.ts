import { KvmError } from "../../core/errors";
import { child, type Element } from "../../schema/tree";
import { devicesOf } from "./alias";
import { agentChannel } from "./devices";
import type { Domain } from "./domain";

/** Seconds that an agent has for an answer. libvirt itself would wait for ever for one that hangs. */
const patience = 5;
/** VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK, which is what libvirt begins with. It does not tell what it has now. */
const forever = -2;

/**
 * Asks the guest agent, when it has opened its end of the channel, so that it ends in time. The limit is that of the
 * domain, for whoever asks: a backup that freezes file systems needs longer, so it goes with the question. `live` is the
 * running guest in full.
 */
export async function askAgent<T>(domain: Domain, live: Element, question: () => Promise<T>): Promise<T | undefined> {
  const targets = devicesOf(live, "channel").flatMap((channel) => child(channel, "target") ?? []);
  const isOpen = targets.some(
    ({ attributes }) => attributes["name"] === agentChannel && attributes["state"] === "connected",
  );
  if (!isOpen || !(await succeeds(() => domain.limitAgent(patience)))) return undefined;
  try {
    return await question();
  } finally {
    await succeeds(() => domain.limitAgent(forever));
  }
}

/** Whether the guest agent answers. One that is there and mute would hold up a shutdown for a minute. */
export async function agentAnswers(domain: Domain, live: Element): Promise<boolean> {
  return (await askAgent(domain, live, () => succeeds(() => domain.addresses(1)))) === true;
}

/** The guest may be off by now, or its agent not be able to do it. */
async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof KvmError && error.code !== "connection-lost") return false;
    throw error;
  }
}
