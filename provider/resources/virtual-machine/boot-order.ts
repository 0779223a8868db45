import type { Change } from "../../core/diff";
import { formatPath } from "../../core/faults";
import type { Values } from "../../core/handler";
import { isWithin } from "../../core/paths";
import { isPlainObject } from "../../core/unknown";
import { child, type Element } from "../../schema/tree";
import { devicesOf } from "./alias";
import { entriesOf } from "./rule-entries";
import { waitingIn } from "./run-note";

const orderOf = (device: Element) => child(device, "boot")?.attributes["order"];

/** libvirt refuses the two ways of giving a boot order together. */
export function arrangeBootOrder(document: Element): void {
  const perDevice = devicesOf(document).some((device) => orderOf(device) !== undefined);
  const os = child(document, "os");
  if (perDevice && os) os.children = os.children.filter((node) => !("name" in node && node.name === "boot"));
}

/** Whether the device can have its place in the boot order of the running guest: what starts first is settled there. */
export function orderIsFree(device: Element, document: Element): boolean {
  const order = orderOf(device);
  if (order === undefined) return true;
  return child(document, "os/boot") === undefined && devicesOf(document).every((other) => orderOf(other) !== order);
}

/**
 * The changes, each new device followed by its place in the boot order where it is plugged in without it, as
 * `orderIsFree` says when it comes to that. libvirt starts a guest of which no device has a place with an `<os><boot>`.
 */
export function withLateOrders(changes: readonly Change[], olds: Values): readonly Change[] {
  const waiting = waitingIn(olds);
  const leaving = changes.filter(({ class: kind, next }) => kind === "live" && next === undefined);
  const started = ordersIn(olds).filter(({ path }) => !waiting.includes(formatPath(path)));
  const taken = started.filter(({ path }) => !leaving.some((change) => isWithin(path, change.path)));
  const isLate = (order: unknown) => started.length === 0 || taken.some((other) => other.order === order);
  return changes.flatMap((change) => {
    const { class: kind, path, old, next } = change;
    const order = kind === "live" && path.length === 2 && isPlainObject(next) ? next["bootOrder"] : undefined;
    if (old !== undefined || order === undefined || !isLate(order)) return [change];
    const place = [...path, "bootOrder"];
    const reason = "what the guest boots from was settled at its start";
    return [change, { path: place, property: formatPath(place), old, next: order, class: "restart", reason }];
  });
}

/** The places in the boot order that devices have. */
export function ordersIn(values: Values) {
  return ["disks", "nics", "hostDevices", "redirdevs"].flatMap((map) =>
    entriesOf<{ readonly bootOrder?: unknown }>(values[map]).flatMap(([key, { bootOrder }]) =>
      bootOrder === undefined ? [] : [{ path: [map, key, "bootOrder"], order: bootOrder }],
    ),
  );
}
