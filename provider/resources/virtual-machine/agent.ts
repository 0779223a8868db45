import { child } from "../../schema/tree";
import { devicesOf } from "./alias";
import { agentChannel } from "./devices";
import type { Domain } from "./domain";

/** Whether the guest agent has opened its end of the channel. */
export async function agentIsConnected(domain: Domain): Promise<boolean> {
  const targets = devicesOf(await domain.liveInFull(), "channel").flatMap((channel) => child(channel, "target") ?? []);
  return targets.some(({ attributes }) => attributes["name"] === agentChannel && attributes["state"] === "connected");
}
