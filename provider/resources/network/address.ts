import { isIPv4, isIPv6 } from "node:net";

/** An IP address as a number. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses, from `first` (the network's own address) to `last` (broadcast in IPv4). */
export interface Subnet {
  readonly family: 4 | 6;
  readonly prefix: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** Undefined for text that is no address; zone identifiers and IPv4 in IPv6 notation are refused. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: fold(text.split(".").map(Number), 8n) };
  if (!isIPv6(text) || /[.%]/.test(text)) return undefined;
  const [head = "", tail] = text.split("::");
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeroes = Array<number>(8 - left.length - right.length).fill(0);
  return { family: 6, value: fold([...left, ...zeroes, ...right], 16n) };
}

/** The canonical spelling: RFC 5952 for IPv6. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return unfold(value, 4, 8n).join(".");
  const parts = unfold(value, 8, 16n).map((part) => part.toString(16));
  const text = parts.join(":");
  const runs = [...text.matchAll(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g)];
  const longest = runs.reduce((best, run) => (run[0].length > best.length ? run[0] : best), "");
  if (longest === "") return text;
  const at = runs.find((run) => run[0] === longest)?.index ?? 0;
  const [before, after] = [text.slice(0, at), text.slice(at + longest.length)];
  return `${before.replace(/:$/, "")}::${after.replace(/^:/, "")}`;
}

/** The block that holds `address`. */
export function subnetOf({ family, value }: Address, prefix: number): Subnet {
  const size = 1n << BigInt(width(family) - prefix);
  const first = value - (value % size);
  return { family, prefix, first, last: first + size - 1n };
}

/** Undefined for text that is not `address/prefix`. Bits of the host part are allowed. */
export function parseCidr(text: string): { address: Address; subnet: Subnet } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parseAddress(match?.[1] ?? "");
  const prefix = Number(match?.[2]);
  if (!address || prefix > width(address.family)) return undefined;
  return { address, subnet: subnetOf(address, prefix) };
}

/** The block of a text that check has accepted. */
export function subnetFrom(text: string): Subnet {
  const parsed = parseCidr(text);
  if (!parsed) throw new RangeError(`"${text}" is not a subnet`);
  return parsed.subnet;
}

export function formatSubnet({ family, first, prefix }: Subnet): string {
  return `${formatAddress({ family, value: first })}/${prefix}`;
}

/** The host's own address in the block: the first one that is free. */
export function gatewayOf({ family, first }: Subnet): Address {
  return { family, value: first + 1n };
}

/** libvirt refuses a range whose ends differ before their last 16 bits. */
const rangeBits = 16n;

/** Whether libvirt takes the two as the ends of one range. */
export function inOneRange(start: Address, end: Address): boolean {
  return start.value >> rangeBits === end.value >> rangeBits;
}

/** Everything between gateway and broadcast, as far as libvirt allows; undefined where nothing is left. */
export function defaultRange(subnet: Subnet): { start: string; end: string } | undefined {
  const [start, last] = [subnet.first + 2n, subnet.family === 4 ? subnet.last - 1n : subnet.last];
  const longest = start | ((1n << rangeBits) - 1n);
  const end = last < longest ? last : longest;
  if (start > end) return undefined;
  const text = (value: bigint) => formatAddress({ family: subnet.family, value });
  return { start: text(start), end: text(end) };
}

export function contains(subnet: Subnet, { family, value }: Address): boolean {
  return family === subnet.family && value >= subnet.first && value <= subnet.last;
}

/** True for an address that a guest may have: neither the network's own, nor the gateway, nor broadcast. */
export function isUsable(subnet: Subnet, address: Address): boolean {
  const edge = [subnet.first, subnet.first + 1n, ...(subnet.family === 4 ? [subnet.last] : [])];
  return contains(subnet, address) && !edge.includes(address.value);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

function width(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((part) => Number.parseInt(part, 16));
}

function fold(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);
}

function unfold(value: bigint, count: number, bits: bigint): number[] {
  return Array.from({ length: count }, (_, index) =>
    Number((value >> (bits * BigInt(count - 1 - index))) & ((1n << bits) - 1n)),
  );
}
