import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import type { Element } from "../../schema/tree";
import { Taken } from "../hand-over";
import { readMark } from "../ownership";
import type { NetworkCalls } from "./calls";
import { describe } from "./document";
import { hasNoBridge, type Inputs } from "./rows";

/** libvirt starts a network on a bridge that is not there; its guests are the ones that fail. */
export async function warnOfMissingBridge(calls: NetworkCalls, inputs: Inputs, context: Context): Promise<void> {
  const { mode, name, bridge, host } = inputs;
  if (mode !== "bridge" || bridge === undefined || (await calls.hasInterface(bridge)) !== false) return;
  context.warn(
    `Network ${name} is started, but ${host.uri} has no bridge ${bridge}: guests on it cannot start until it is made there (ip -br link show type bridge names those that exist)`,
  );
}

/**
 * Refuses to make a bridge in the place of what the host has: where libvirt (seen in 11.3, with its own client too) fails
 * to make one, it deletes the interface that has the name. So it would at each start of the host.
 */
export async function requireBridge(
  calls: NetworkCalls,
  uuid: string,
  { name, bridge, host }: Inputs,
  running: Element | undefined,
): Promise<void> {
  if (bridge === undefined || !(await calls.hasInterface(bridge))) return;
  if (running && isMaking(running, bridge)) return;
  const step = `make bridge ${bridge} for Network ${name}`;
  const maker = (await calls.others(uuid)).find((other) => isMaking(other, bridge));
  if (maker) {
    const reason = `the running network ${describe(maker).name} has made it already; nothing was changed`;
    const remedy = "choose another name with `bridge`, or leave it out";
    throw new Taken({ step, host: host.uri, reason, remedy }, readMark(maker)?.urn);
  }
  // Of a network that was stopped as we looked.
  if (!(await calls.hasInterface(bridge))) return;
  throw new KvmError("conflict", {
    step,
    host: host.uri,
    reason: `the host has an interface ${bridge} already; nothing was changed`,
    remedy: `set mode: "bridge" to put guests on it, or choose another name with \`bridge\`. Where a network that did not end well has left it there, remove it on the host: ip link delete ${bridge}`,
  });
}

function isMaking(running: Element, bridge: string): boolean {
  const seen = describe(running);
  return seen.bridge === bridge && seen.mode !== "bridge";
}

/**
 * Whether the bridge is gone that libvirt made for the network which runs like that: `ip link del` takes it away, and
 * libvirt goes on to call the network active. It connects nobody then, and no guest starts on it.
 */
export async function hasLostBridge(calls: NetworkCalls, running: Element): Promise<boolean> {
  const seen = describe(running);
  if (hasNoBridge(seen) || typeof seen["bridge"] !== "string") return false;
  return (await calls.hasInterface(seen["bridge"])) === false;
}

/** What to do about guests that were on a bridge which had to be made anew: they are refreshed ahead of their network. */
export function leftBehind(name: string, guests: number): string {
  return `Network ${name}: its bridge was gone from the host, and is there again; ${guests} guest interface(s) were on it and are cut off until they are plugged in again: run pulumi up --refresh once more`;
}
