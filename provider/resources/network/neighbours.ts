import type { Context } from "../../core/handler";
import { child, children, type Element, textOf } from "../../schema/tree";
import { Taken } from "../hand-over";
import { readMark } from "../ownership";
import { contains, gatewayOf, overlap, parseAddress, parseCidr, type Subnet, subnetFrom } from "./address";
import { subnetText } from "./addresses";
import type { NetworkCalls } from "./calls";
import type { Inputs } from "./rows";

/** A block of addresses that runs on the host, and whose it is. */
interface Neighbour {
  readonly name: string;
  readonly text: string;
  readonly block: Subnet;
  /** The resource that made it, where one of ours did. */
  readonly maker: string | undefined;
}

/**
 * Refuses subnets that would take away what others reach: the address by which the host itself is reached, and those of
 * guests on another network. libvirt looks for an IPv4 block that is quite the same alone. What the network has already,
 * as it runs, is its own.
 */
export async function requireApart(
  calls: NetworkCalls,
  { mode, name, subnets, active, host }: Inputs,
  uuid: string,
  running: Element | undefined,
  context: Context,
): Promise<void> {
  if (!active || subnets.length === 0) return;
  const own = running ? blocksOf(running).map(({ text }) => text) : [];
  const fresh = subnets.filter((text) => !own.includes(text)).map((text) => ({ text, block: subnetFrom(text) }));
  if (fresh.length === 0) return;
  const address = addressIn(host.uri);
  const reached = address && fresh.find(({ block }) => contains(block, address));
  // A guest of the network reaches the host by its gateway.
  if (reached && gatewayOf(reached.block).value !== address.value) {
    throw refusal(name, host.uri, `${reached.text} holds the address by which the host is reached`);
  }
  const neighbours = (await calls.others(uuid)).flatMap(blocksOf);
  for (const { text, block } of fresh) {
    const other = neighbours.find((neighbour) => overlap(neighbour.block, block));
    if (!other) continue;
    const reason = `${text} overlaps ${other.text} of the running network ${other.name}: the host answers guests of one alone`;
    // Guests may do without the host, and who forwards by rules of their own may have a routing table for each.
    if (mode !== "open" && mode !== "isolated") throw refusal(name, host.uri, reason, other.maker);
    context.warn(`Network ${name}: ${reason}`);
  }
}

function refusal(name: string, host: string, reason: string, maker?: string): Taken {
  const details = {
    step: `give the subnets to Network ${name}`,
    host,
    reason: `${reason}; nothing was changed`,
    remedy: "choose addresses that nobody has (ip route on the host shows those that are taken)",
  };
  return new Taken(details, maker);
}

function blocksOf(document: Element): Neighbour[] {
  const name = child(document, "name");
  const maker = readMark(document)?.urn;
  return children(document, "ip").flatMap((ip) => {
    const text = subnetText(ip);
    const block = text === undefined ? undefined : parseCidr(text)?.subnet;
    return text !== undefined && block ? [{ name: name ? textOf(name) : "", text, block, maker }] : [];
  });
}

/** The address in a URI that names the host by one. */
function addressIn(uri: string) {
  try {
    return parseAddress(new URL(uri).hostname.replace(/^\[|\]$/g, ""));
  } catch {
    return undefined;
  }
}
