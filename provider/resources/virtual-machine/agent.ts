import { KvmError } from "../../core/errors";
import { child } from "../../schema/tree";
import { devicesOf } from "./alias";
import { agentChannel } from "./devices";
import type { Domain } from "./domain";

/** Seconds that an agent has for an answer. libvirt itself would wait for ever for one that hangs. */
const patience = 5;

/** Whether the guest agent has opened its end of the channel; what it is asked from now on ends in time. */
export async function agentIsConnected(domain: Domain): Promise<boolean> {
  const targets = devicesOf(await domain.liveInFull(), "channel").flatMap((channel) => child(channel, "target") ?? []);
  const isOpen = targets.some(
    ({ attributes }) => attributes["name"] === agentChannel && attributes["state"] === "connected",
  );
  return isOpen && (await succeeds(() => domain.limitAgent(patience)));
}

/** Whether the guest agent answers. One that is there and mute would hold up a shutdown for a minute. */
export async function agentAnswers(domain: Domain): Promise<boolean> {
  return (await agentIsConnected(domain)) && (await succeeds(() => domain.addresses(1)));
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
