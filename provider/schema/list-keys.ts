import { type DocumentObject, isObject, type Scalar } from "./object";

type Path = readonly string[];

/** Members by which items of a list are told apart: the first of these of which an item has all. */
const keys: readonly (readonly Path[])[] = [
  [["alias", "name"]],
  [["mac", "address"]],
  [["target", "dev"]],
  [["target", "dir"]],
  [["target", "name"]],
  // Each type of controller counts its own.
  [["type"], ["index"]],
  [["id"]],
  [["vcpu"]],
  [["iothread"]],
  [["cellid"]],
  [["vcpus"]],
  [["name"]],
  [["index"]],
  [["dev"]],
  [["type"]],
  // A route: others lead to the same address.
  [["address"], ["prefix"], ["gateway"]],
  [["address"], ["netmask"], ["gateway"]],
  [["address"], ["gateway"]],
  // The <ip> of a network.
  [["address"]],
];

/** Whether an item of an overlay means this one; without a telling member it must hold all that the overlay says. */
export function isSame(base: unknown, item: unknown): boolean {
  if (!isObject(item)) return base === item;
  const key = keyOf(item);
  return key ? key.every((path) => String(at(base, path)) === String(at(item, path))) : contains(base, item);
}

/** How an item of a list is called in messages: what tells it apart, or its number. */
export function labelOf(item: unknown, index: number): string {
  const values = keyOf(item)?.map((path) => at(item, path));
  return values ? values.join(" ") : String(index);
}

/** What tells the item apart, as members of an object of their own. */
export function keyMembers(item: unknown): Readonly<Record<string, unknown>> | undefined {
  const members = keyOf(item)?.map((path) => {
    const [first = "", second] = path;
    return [first, second === undefined ? at(item, path) : { [second]: at(item, path) }] as const;
  });
  return members && Object.fromEntries(members);
}

function keyOf(item: unknown): readonly Path[] | undefined {
  const isTelling = (value: unknown) => value !== undefined && value !== null && typeof value !== "object";
  return keys.find((key) => key.every((path) => isTelling(at(item, path))));
}

/** Whether all that an item says stands there. */
export function contains(base: unknown, item: unknown): boolean {
  if (!isObject(item)) return String(isObject(base) ? base["value"] : base) === String(item);
  if (base === undefined || base === null) return false;
  const source: DocumentObject = isObject(base) ? base : { value: base as Scalar };
  return Object.entries(item).every(([key, value]) => {
    const present = source[key];
    if (!Array.isArray(value)) return contains(present, value);
    const others = Array.isArray(present) ? present : [present];
    return value.every((part) => others.some((other) => contains(other, part)));
  });
}

function at(object: unknown, path: Path): unknown {
  return path.reduce<unknown>((found, name) => (isObject(found) ? found[name] : undefined), object);
}
