import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";

/** Whether the machine has channels or consoles, which bring the virtio-serial controller: libvirt plugs in none. */
export function hasPorts(machine: Values): boolean {
  const has = (map: string) => isPlainObject(machine[map]) && Object.keys(machine[map]).length > 0;
  return machine["agent"] === true || has("channels") || has("consoles");
}
