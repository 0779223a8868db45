import { isNotFound, messageOf } from "../../core/errors";
import type { Libvirt, TypedParam } from "../../libvirt/api";
import { xmlFlags } from "../../libvirt/constants";
import { parseAnswer } from "../../schema/answer";
import { child, type Element, render, textOf } from "../../schema/tree";
import { attempt, ifFound } from "../failure";
import { affect, type Belongings, undefineFlags } from "./domain-flags";
import { lacksDevices, withDevicesOf, withSilenceOf } from "./migratable";
import { type Power, type PowerState, powerState } from "./power-state";
import { RunningDomain } from "./running-domain";
import { definitionRemedy, startRemedy } from "./start-remedies";

/** virDomainBlockJobType of what is done to one disk, and how many of its bytes are done. */
export interface BlockJob {
  readonly type: number;
  readonly cur: bigint;
  readonly end: bigint;
}

/** A guest at one moment. */
export interface Present extends PowerState {
  /** What it has as it runs; undefined while it is off. */
  readonly live: Element | undefined;
}

/** A domain at one moment. */
export interface Look extends Present {
  /** What the next start will use, before it is changed. */
  readonly before: Element;
  readonly isPersistent: boolean;
  readonly autostart: boolean;
  /** virDomainJobOperation of what libvirt is doing with the running guest as a whole. */
  readonly operation: number | undefined;
}

/** libvirt writes attributes in single quotes, and those in `<metadata>` in double ones; a last line end is ours. */
const unquoted = (xml: string) => xml.trimEnd().replaceAll('"', "'");

/** libvirt does not tell of a job that it counts nothing of, such as the deletion of a snapshot: but that there is one. */
function uncounted(error: unknown): { readonly type: number; readonly params: readonly TypedParam[] } {
  if (!messageOf(error).includes("invalid job statistics type")) throw error;
  return { type: 2, params: [] };
}

/** One domain on one host; every call names the domain and the host when it fails. */
export class Domain extends RunningDomain {
  private naming: (document: Element) => void = () => undefined;

  /** From now on documents are read with the names that `naming` gives to devices which have none of ours. */
  nameDevices(naming: (document: Element) => void): void {
    this.naming = naming;
  }

  /** The domain of that uuid, which is all that libvirt looks at; whether there is one shows at the first call. */
  static at(libvirt: Libvirt, host: string, uuid: string, name: string): Domain {
    return new Domain(libvirt, host, { uuid, name, id: -1 });
  }

  static async byUuid(libvirt: Libvirt, host: string, uuid: string): Promise<Domain | undefined> {
    const found = await ifFound({ step: `find VirtualMachine ${uuid}`, host }, () =>
      libvirt.call("DOMAIN_LOOKUP_BY_UUID", { uuid }),
    );
    return found && new Domain(libvirt, host, found.dom);
  }

  static async byName(libvirt: Libvirt, host: string, name: string): Promise<Domain | undefined> {
    const found = await ifFound({ step: `find VirtualMachine ${name}`, host }, () =>
      libvirt.call("DOMAIN_LOOKUP_BY_NAME", { name }),
    );
    return found && new Domain(libvirt, host, found.dom);
  }

  /**
   * Defines the document; a running domain keeps running as it is. Without the flag VALIDATE: it makes libvirt load
   * its schema at each call, for what golden tests have proven, and refuses what others wrote into an adopted domain.
   */
  static async define(libvirt: Libvirt, host: string, name: string, document: Element): Promise<Domain> {
    const remedy = (said: string) => `${definitionRemedy(said)}; nothing was changed on the host`;
    const { dom } = await attempt({ step: `define VirtualMachine ${name}`, host, remedy }, () =>
      libvirt.call("DOMAIN_DEFINE_XML_FLAGS", { xml: render(document), flags: 0 }),
    );
    return new Domain(libvirt, host, dom);
  }

  /** What the next start will use, passwords included: never to be logged. */
  inactive(): Promise<Element> {
    return this.xml(xmlFlags.secure | xmlFlags.inactive);
  }

  /** What the running guest has of its definition, with the CPU as it was asked for instead of libvirt's expansion. */
  async live(config: Element): Promise<Element> {
    return this.completed(await this.liveText(), config);
  }

  /** The power state and what the running guest has, in one round trip. */
  async present(config: Element | Promise<Element>): Promise<Present> {
    const [state, text, definition] = await Promise.all([this.powerState(), this.liveText(), config]);
    return { ...state, live: state.power === "stopped" ? undefined : await this.completed(text, definition) };
  }

  /** What the running guest has, with all that libvirt filled in. */
  liveInFull(): Promise<Element> {
    return this.xml(xmlFlags.secure);
  }

  /** All that an update depends on, in one round trip. Undefined when the host has no such domain. */
  async look(): Promise<Look | undefined> {
    const inactive = this.inactive();
    // libvirt has none of a guest that is off, and says so by failing.
    const operation = this.jobOperation();
    operation.catch(() => undefined);
    try {
      const [now, before, isPersistent, autostart] = await Promise.all([
        this.present(inactive),
        inactive,
        this.isPersistent(),
        this.autostart(),
      ]);
      this.dom = { ...this.dom, name: textOf(child(before, "name") ?? before) };
      return { ...now, before, isPersistent, autostart, operation: now.live && (await operation) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async redefine(document: Element): Promise<void> {
    this.dom = (await Domain.define(this.libvirt, this.host, this.name, document)).dom;
  }

  /** The definition after it was written as `wanted`: once libvirt has put all in its own order, it shows it as it was sent. */
  async inactiveAfter(wanted: Element): Promise<Element> {
    const xml = await this.text(xmlFlags.secure | xmlFlags.inactive);
    return unquoted(xml) === unquoted(render(wanted)) ? wanted : this.read(xml);
  }

  async powerState(): Promise<PowerState> {
    const found = await this.run("read the state of", () =>
      this.libvirt.call("DOMAIN_GET_STATE", { dom: this.dom, flags: 0 }),
    );
    return powerState(found);
  }

  async power(): Promise<Power> {
    return (await this.powerState()).power;
  }

  async isActive(): Promise<boolean> {
    const { active } = await this.run("read the state of", () =>
      this.libvirt.call("DOMAIN_IS_ACTIVE", { dom: this.dom }),
    );
    return active === 1;
  }

  /** False for a running domain that has no definition (any more). */
  async isPersistent(): Promise<boolean> {
    const { persistent } = await this.run("read the state of", () =>
      this.libvirt.call("DOMAIN_IS_PERSISTENT", { dom: this.dom }),
    );
    return persistent === 1;
  }

  async hasSavedState(): Promise<boolean> {
    const { result } = await this.run("look for a saved state of", () =>
      this.libvirt.call("DOMAIN_HAS_MANAGED_SAVE_IMAGE", { dom: this.dom, flags: 0 }),
    );
    return result === 1;
  }

  async start(paused: boolean): Promise<void> {
    await this.run(
      "start",
      () => this.libvirt.call("DOMAIN_CREATE_WITH_FLAGS", { dom: this.dom, flags: paused ? 1 : 0 }),
      (said) => startRemedy(this, said),
    );
  }

  async suspend(): Promise<void> {
    await this.run("pause", () => this.libvirt.call("DOMAIN_SUSPEND", { dom: this.dom }));
  }

  async resume(): Promise<void> {
    await this.run("resume", () => this.libvirt.call("DOMAIN_RESUME", { dom: this.dom }));
  }

  /** Wakes a guest that suspended itself to RAM; it is up a little later. */
  async wake(): Promise<void> {
    await this.run("wake", () => this.libvirt.call("DOMAIN_PM_WAKEUP", { dom: this.dom, flags: 0 }));
  }

  /** Asks the guest to shut down: by its agent, or by the ACPI power button. */
  async shutdown(way: "agent" | "acpi"): Promise<void> {
    const flags = way === "agent" ? 2 : 1;
    await this.run("shut down", () => this.libvirt.call("DOMAIN_SHUTDOWN_FLAGS", { dom: this.dom, flags }));
  }

  /** Pulls the plug. */
  async destroy(): Promise<void> {
    await this.run("destroy", () => this.libvirt.call("DOMAIN_DESTROY_FLAGS", { dom: this.dom, flags: 0 }));
  }

  /** Removes the definition and what libvirt keeps with it, except what it `leaves`. Volumes stay. */
  async undefine(leaves: Belongings): Promise<void> {
    const flags = undefineFlags(this.libvirt.version, leaves);
    await this.run("undefine", () => this.libvirt.call("DOMAIN_UNDEFINE_FLAGS", { dom: this.dom, flags }));
  }

  async snapshots(): Promise<string[]> {
    return (await this.listSnapshots()).map(({ name }) => name);
  }

  /** What libvirt keeps of its snapshots, each with the definition of then. */
  async snapshotDocuments(): Promise<Element[]> {
    const snapshots = await this.listSnapshots();
    const read = async (snap: (typeof snapshots)[number]) => {
      const { xml } = await this.run("read a snapshot of", () =>
        this.libvirt.call("DOMAIN_SNAPSHOT_GET_XML_DESC", { snap, flags: 0 }),
      );
      return parseAnswer(xml);
    };
    return Promise.all(snapshots.map(read));
  }

  /** Empty before libvirt 5.6, which knows none. */
  async checkpoints(): Promise<string[]> {
    if (this.libvirt.version < 5_006_000) return [];
    const { checkpoints } = await this.run("list the checkpoints of", () =>
      this.libvirt.call("DOMAIN_LIST_ALL_CHECKPOINTS", { dom: this.dom, needResults: 1, flags: 0 }),
    );
    return checkpoints.map(({ name }) => name);
  }

  async rename(name: string): Promise<void> {
    const remedy =
      "choose a name that is free; where it is that of a machine that gets another one, give that one its new name first, by an update of its own";
    await this.run(
      `rename to ${name} the`,
      () => this.libvirt.call("DOMAIN_RENAME", { dom: this.dom, newName: name, flags: 0 }),
      (said) => (said.includes("already exists") ? remedy : undefined),
    );
    this.dom = { ...this.dom, name };
  }

  async autostart(): Promise<boolean> {
    const { autostart } = await this.run("read the autostart of", () =>
      this.libvirt.call("DOMAIN_GET_AUTOSTART", { dom: this.dom }),
    );
    return autostart === 1;
  }

  async setAutostart(on: boolean): Promise<void> {
    await this.run("set the autostart of", () =>
      this.libvirt.call("DOMAIN_SET_AUTOSTART", { dom: this.dom, autostart: on ? 1 : 0 }),
    );
  }

  /** Title or description of the running guest; undefined removes it. */
  async setLiveText(kind: "description" | "title", value: string | undefined): Promise<void> {
    await this.setMetadata(kind === "description" ? 0 : 1, value, undefined, affect.live);
  }

  /** An element of `<metadata>` in the namespace `uri`; undefined removes it. */
  async setMetadataElement(xml: string | undefined, key: string, uri: string): Promise<void> {
    const flags = (await this.isActive()) ? affect.live | affect.config : affect.config;
    await this.setMetadata(2, xml, { key, uri }, flags);
  }

  /** The same of the running guest alone: it goes with its run. */
  async setLiveMetadataElement(xml: string | undefined, key: string, uri: string): Promise<void> {
    await this.setMetadata(2, xml, { key, uri }, affect.live);
  }

  /** Seconds within which the guest agent must answer anybody, until the domain stops (libvirt 5.10). */
  async limitAgent(timeout: number): Promise<void> {
    if (this.libvirt.version < 5_010_000) return;
    await this.run("set the deadline of the agent of", () =>
      this.libvirt.call("DOMAIN_AGENT_SET_RESPONSE_TIMEOUT", { dom: this.dom, timeout, flags: 0 }),
    );
  }

  /** Addresses by source: 0 leases, 1 guest agent, 2 the host's ARP table. */
  async addresses(source: 0 | 1 | 2) {
    const { ifaces } = await this.run("read the addresses of", () =>
      this.libvirt.call("DOMAIN_INTERFACE_ADDRESSES", { dom: this.dom, source, flags: 0 }, { timeout: 15 }),
    );
    return ifaces;
  }

  /** virDomainJobOperation of what libvirt is doing with the guest as a whole; undefined when it is nothing. */
  async jobOperation(): Promise<number | undefined> {
    const { type, params } = await this.run("read the job of", () =>
      this.libvirt.call("DOMAIN_GET_JOB_STATS", { dom: this.dom, flags: 0 }).catch(uncounted),
    );
    // virDomainJobType: 1 and 2 are under way, 0 is none, the others are over.
    if (type !== 1 && type !== 2) return undefined;
    const operation = params.find(({ field }) => field === "operation")?.value;
    return typeof operation === "number" ? operation : 0;
  }

  /** The job under way on the disk that the domain calls `disk` ("vda"). */
  async blockJob(disk: string): Promise<BlockJob | undefined> {
    const { found, ...job } = await this.run(`read the block job of ${disk} of`, () =>
      this.libvirt.call("DOMAIN_GET_BLOCK_JOB_INFO", { dom: this.dom, path: disk, flags: 0 }),
    );
    return found === 1 ? job : undefined;
  }

  private liveText(): Promise<string> {
    return this.text(xmlFlags.secure | xmlFlags.migratable);
  }

  private async listSnapshots() {
    const { snapshots } = await this.run("list the snapshots of", () =>
      this.libvirt.call("DOMAIN_LIST_ALL_SNAPSHOTS", { dom: this.dom, needResults: 1, flags: 0 }),
    );
    return snapshots;
  }

  private async xml(flags: number): Promise<Element> {
    return this.read(await this.text(flags));
  }

  private async text(flags: number): Promise<string> {
    const { xml } = await this.run("read the definition of", () =>
      this.libvirt.call("DOMAIN_GET_XML_DESC", { dom: this.dom, flags }),
    );
    return xml;
  }

  private async completed(migratable: string, config: Element): Promise<Element> {
    const live = withSilenceOf(this.read(migratable), config);
    return lacksDevices(live, config) ? withDevicesOf(live, await this.liveInFull()) : live;
  }

  private read(xml: string): Element {
    const document = parseAnswer(xml);
    this.naming(document);
    return document;
  }

  private async setMetadata(
    type: number,
    metadata: string | undefined,
    place: { readonly key: string; readonly uri: string } | undefined,
    flags: number,
  ): Promise<void> {
    const { key, uri } = place ?? { key: undefined, uri: undefined };
    await this.run("write the metadata of", () =>
      this.libvirt.call("DOMAIN_SET_METADATA", { dom: this.dom, type, metadata, key, uri, flags }),
    );
  }
}
