import type { Element } from "../../schema/tree";
import type { NetworkCalls } from "./calls";
import { describe } from "./document";

/**
 * Whether the bridge is gone that libvirt made for the network which runs like that: `ip link del` takes it away, and
 * libvirt goes on to call the network active. It connects nobody then, and no guest starts on it.
 */
export async function hasLostBridge(calls: NetworkCalls, running: Element): Promise<boolean> {
  const { mode, bridge } = describe(running);
  if (mode === "bridge" || mode === "hostdev" || typeof bridge !== "string") return false;
  return (await calls.hasInterface(bridge)) === false;
}

/** What to do about guests that were on a bridge which had to be made anew: they are refreshed ahead of their network. */
export function leftBehind(name: string, guests: number): string {
  return `Network ${name}: its bridge was gone from the host, and is there again; ${guests} guest interface(s) were on it and are cut off until they are plugged in again: run pulumi up --refresh once more`;
}
