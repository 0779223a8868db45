import type { Entries } from "../../core/attribute";
import type { Change } from "../../core/diff";
import { isConnectionLost, KvmError, messageOf } from "../../core/errors";
import type { Context } from "../../core/handler";
import { isAt } from "../../core/paths";
import { children, clone, type Element, remove } from "../../schema/tree";
import { poll } from "../poll";
import { deviceNamed, devicesOf, liveAlias, setAlias } from "./alias";
import { orderIsFree } from "./boot-order";
import { addressIsFree } from "./device-address";
import { controllerOf, isOnScsi, scsiControllersOf } from "./disk-controllers";
import { sourcePath } from "./disk-sources";
import type { Domain } from "./domain";
import { isImageLocked, isTrayClosed } from "./refusal";
import { mentioning, onceUnused, refusedIn } from "./start-once-free";

/** Does in the running guest what the change asks for. The configuration has been written before. */
export type LiveOperation = (operation: Operation) => Promise<void>;

/** Operations by the path of the row that they serve; `*` stands for the name of an entry. */
export type LiveOperations = Readonly<Record<string, LiveOperation>>;

/** Seconds that a guest is given to let go of a device, and one that stands still, where only QEMU can. */
const [unplugTime, pausedTime] = [20, 1];
/** Seconds for what a guest does at once, if it does it at all; and for what an earlier run has asked of it already. */
const moment = 2;

/** How often a medium is exchanged before a tray that closes in between is taken for a failure. */
const exchanges = 10;
const trayReset =
  "libvirt takes the tray for open, which the guest has closed by a reset of the drive; an eject in the guest opens it again";

/** One change on its way into the running guest. */
export class Operation {
  constructor(
    readonly domain: Domain,
    readonly change: Change,
    /** The configuration after the change, as libvirt shows it. */
    private readonly config: Element,
    private readonly context: Context,
    /** An earlier run has asked the guest for it, and this one is about something else. */
    private readonly isAskedAgain = false,
  ) {}

  /** Plugs in or unplugs the device that the change names. */
  async plug(entries: Entries<Element>): Promise<void> {
    const wanted = entries.list(this.config).get(this.key);
    const document = await this.domain.liveInFull();
    const present = entries.list(document).get(this.key);
    if (wanted && !present) await this.attach(wanted, document);
    if (!wanted && present) await this.detach(present);
  }

  /** The same for the one device that has this name; one that is another now is unplugged first. */
  async plugNamed(alias: string): Promise<void> {
    const wanted = deviceNamed(this.config, alias);
    const present = deviceNamed(await this.domain.liveInFull(), alias);
    if (present) await this.detach(present);
    if (wanted) await this.attach(wanted, await this.domain.liveInFull());
  }

  /** Sends the live element of the device, with `copy` having written into it what is new in the configured one. */
  async updateDevice(entries: Entries<Element>, copy: (live: Element, configured: Element) => void): Promise<void> {
    const device = await this.changed(entries, copy);
    if (device) await this.domain.updateDevice(device);
  }

  /** Changes the medium of a drive. A guest that keeps the tray locked is asked first and not heard in the end. */
  async changeMedium(entries: Entries<Element>, copy: (live: Element, configured: Element) => void): Promise<void> {
    const device = await this.changed(entries, copy);
    if (!device) return;
    try {
      await this.exchange(device, false);
    } catch (error) {
      if (isConnectionLost(error) || isTrayClosed(error)) throw error;
      await this.exchange(device, true);
      this.context.warn(`the guest held the medium of ${this.key}: it was taken out by force`);
    }
  }

  /**
   * libvirt opens the tray and exchanges the medium in steps of their own, between which a reset of the guest closes it.
   * It hears of that, but not of a reset of the controller alone: then it opens the tray no more.
   */
  private async exchange(device: Element, force: boolean): Promise<void> {
    for (let left = exchanges - 1; ; left--) {
      try {
        return await this.domain.updateDevice(device, force);
      } catch (error) {
        if (!isTrayClosed(error)) throw error;
        if (left === 0) throw new KvmError(error.code, { ...error.details, reason: trayReset });
      }
    }
  }

  private async changed(
    entries: Entries<Element>,
    copy: (live: Element, configured: Element) => void,
  ): Promise<Element | undefined> {
    const { configured, live } = await this.device(entries);
    if (!configured || !live) return undefined;
    const device = clone(live);
    copy(device, configured);
    const alias = liveAlias(live);
    if (alias !== undefined) setAlias(device, alias);
    return device;
  }

  /** Name of the entry that the change is about. */
  get key(): string {
    return this.change.path[1] ?? "";
  }

  /** Completes "Unable to ...", while the guest is waited for. */
  private get step(): string {
    return `change ${this.change.property} of VirtualMachine ${this.domain.name}`;
  }

  /** The element of the entry, in the configuration and in the running guest. */
  async device(
    entries: Entries<Element>,
  ): Promise<{ readonly configured: Element | undefined; readonly live: Element | undefined }> {
    const live = await this.domain.liveInFull();
    return { configured: entries.list(this.config).get(this.key), live: entries.list(live).get(this.key) };
  }

  /** Looks at the running device until it is what is wanted, or a guest has had its time. Answers what it is then. */
  async settled(entries: Entries<Element>, isWanted: (live: Element) => boolean): Promise<Element | undefined> {
    const wait = { step: this.step, seconds: await this.patience(), signal: this.context.signal, interval: 0.25 };
    let found: Element | undefined;
    await poll(wait, async () => {
      found = entries.list(await this.domain.liveInFull()).get(this.key);
      return !found || isWanted(found) ? true : undefined;
    });
    return found;
  }

  /** Looks at the running guest until it is what is wanted, or a moment is over. */
  async soon(isWanted: (live: Element) => boolean): Promise<void> {
    const seconds = Math.min(moment, await this.patience());
    const wait = { step: this.step, seconds, signal: this.context.signal, interval: 0.1 };
    await poll(wait, async () => isWanted(await this.domain.liveInFull()) || undefined);
  }

  warn(message: string): void {
    this.context.warn(message);
  }

  private async patience(): Promise<number> {
    if ((await this.domain.power()) === "paused") return pausedTime;
    return this.isAskedAgain ? moment : unplugTime;
  }

  private async attach(wanted: Element, document: Element): Promise<void> {
    const device = clone(wanted);
    if (!addressIsFree(device, document)) remove(device, "address");
    if (!orderIsFree(device, document)) remove(device, "boot");
    if (isOnScsi(device)) await this.ensureScsi(device, document);
    await this.attachFree(device);
  }

  /** An image or a CID may be on its way from another guest: Pulumi changes both at a time, and one has it. */
  private attachFree(device: Element): Promise<void> {
    const { domain, context } = this;
    const image = sourcePath(device);
    const plug = () => domain.attach(device);
    return onceUnused(domain, this.step, context, plug, (error) => {
      if (!isImageLocked(error)) return refusedIn(domain, error);
      return image === undefined ? undefined : mentioning(image);
    });
  }

  /** libvirt would add controllers of its own choice, up to the number of the device's, and they would not be virtio. */
  private async ensureScsi(wanted: Element, document: Element): Promise<void> {
    const most = Number(controllerOf(wanted) ?? 0);
    const indexOf = ({ attributes }: Element) => Number(attributes["index"]);
    const upTo = (from: Element) => scsiControllersOf(from).filter((item) => indexOf(item) <= most);
    const present = upTo(document).map(indexOf);
    for (const controller of upTo(this.config)) {
      if (present.includes(indexOf(controller))) continue;
      const device = clone(controller);
      if (!addressIsFree(device, document)) remove(device, "address");
      await this.domain.attach(device);
    }
  }

  /** libvirt answers before the guest has let go, and says success when it never will: only the event and the document tell. */
  private async detach(present: Element): Promise<void> {
    const alias = liveAlias(present) ?? "";
    let failed = false;
    const { uuid } = this.domain;
    const unsubscribe = await this.domain.onEvent((event) => {
      if (event.kind === "device-removal-failed" && event.uuid === uuid && event.alias === alias) failed = true;
    });
    try {
      await this.domain.detach(alias).catch((error: unknown) => {
        // Asked before, and not answered yet.
        if (!messageOf(error).includes("already in the process of unplug")) throw error;
      });
      const step = `unplug ${alias} from VirtualMachine ${this.domain.name}`;
      const seconds = await this.patience();
      const wait = { step, seconds, signal: this.context.signal, interval: 0.25 };
      const outcome = await poll(wait, async () => {
        const document = await this.domain.liveInFull();
        if (!devicesOf(document).some((device) => liveAlias(device) === alias)) return "gone";
        return failed ? "refused" : undefined;
      });
      if (outcome === "gone") return;
      const silent =
        seconds === pausedTime
          ? "the guest is paused, and lets go of it when it goes on"
          : `the guest did not let go of it within ${seconds} s`;
      throw new KvmError("timeout", {
        step,
        host: this.domain.host,
        reason: outcome ? "the guest refused to let go of it" : silent,
        remedy: "stop using the device in the guest, then run pulumi up again",
      });
    } finally {
      await unsubscribe();
    }
  }
}

/** Replaces the child elements of these names by copies of the other's. */
export function copyChildren(target: Element, from: Element, names: readonly string[]): void {
  target.children = target.children.filter((node) => !("name" in node && names.includes(node.name)));
  for (const name of names) target.children.push(...children(from, name).map(clone));
}

/**
 * The order of doing: what goes before what comes. Rows stand in the order in which things need each other, IOThreads
 * before the disks that they serve, so entries are taken out in the reverse order.
 */
export function inOrder(changes: readonly Change[]): Change[] {
  const leaves = ({ path, next }: Change) => path.length === 2 && next === undefined;
  return [...changes.filter(leaves).reverse(), ...changes.filter((change) => !leaves(change))];
}

/** The operation for a change, and under which name it is done at most once. */
export function operationFor(
  operations: LiveOperations,
  change: Change,
): { readonly operation: LiveOperation; readonly once: string } | undefined {
  for (const [pattern, operation] of Object.entries(operations)) {
    const { path } = change;
    if (!isAt(path, pattern.split("."))) continue;
    // Changes of one device that one operation does are sent in one element.
    const number = Object.values(operations).indexOf(operation);
    return { operation, once: `${number}:${path.slice(0, 2).join(".")}` };
  }
  return undefined;
}
