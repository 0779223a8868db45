import { KvmError } from "../../core/errors";
import type { Context, HostReference } from "../../core/handler";
import type { Libvirt } from "../../libvirt/api";
import { activeOnly } from "../../libvirt/constants";
import { networkHandle } from "../../libvirt/procedures";
import { parseAnswer } from "../../schema/answer";
import { type Element, render } from "../../schema/tree";
import { NotTakenBack } from "../cut-off";
import { attempt, ifFound, type Step, unlessDone } from "../failure";
import { forgotten, undefineRemedy } from "../forgotten";
import { hasInterface } from "../host-path";
import { type OtherDomain, otherDomains } from "../other-domains";
import type { LiveUpdate } from "./live";

const inactive = 1;
const affectLive = 1;
/** Until 7.2.0 libvirt had command and section the wrong way round on the wire. */
const orderRepaired = 7002000;

/** The calls that a network needs, each with its name in error messages. */
export class NetworkCalls {
  private constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
    /** How messages call the network. */
    private readonly label: string,
  ) {}

  static async open(context: Context, host: HostReference, name: string): Promise<NetworkCalls> {
    return new NetworkCalls(await context.connect(host), host.uri, `Network ${name}`);
  }

  /** The uuid of the network with that name. */
  async byName(name: string): Promise<string | undefined> {
    const found = await ifFound(this.step("look up"), () => this.libvirt.call("NETWORK_LOOKUP_BY_NAME", { name }));
    return found?.net.uuid;
  }

  /** The persistent definition, undefined when there is no such network. */
  async definition(uuid: string): Promise<Element | undefined> {
    const found = await ifFound(this.step("read the definition of"), () =>
      this.libvirt.call("NETWORK_GET_XML_DESC", { net: networkHandle(uuid), flags: inactive }),
    );
    return found && parseAnswer(found.xml);
  }

  /** What runs. */
  async running(uuid: string): Promise<Element> {
    const net = networkHandle(uuid);
    const { xml } = await this.run("read the state of", undefined, () =>
      this.libvirt.call("NETWORK_GET_XML_DESC", { net, flags: 0 }),
    );
    return parseAnswer(xml);
  }

  async isActive(uuid: string): Promise<boolean> {
    const net = networkHandle(uuid);
    const answer = await this.run("ask for the state of", undefined, () =>
      this.libvirt.call("NETWORK_IS_ACTIVE", { net }),
    );
    return answer.active === 1;
  }

  /** Whether there is such a network, and it is active. */
  async runs(uuid: string): Promise<boolean> {
    const net = networkHandle(uuid);
    const found = await ifFound(this.step("ask for the state of"), () =>
      this.libvirt.call("NETWORK_IS_ACTIVE", { net }),
    );
    return found?.active === 1;
  }

  async autostart(uuid: string): Promise<boolean> {
    const net = networkHandle(uuid);
    const answer = await this.run("ask for autostart of", undefined, () =>
      this.libvirt.call("NETWORK_GET_AUTOSTART", { net }),
    );
    return answer.autostart === 1;
  }

  async setAutostart(uuid: string, autostart: boolean): Promise<void> {
    const args = { net: networkHandle(uuid), autostart: autostart ? 1 : 0 };
    await this.run("set autostart of", undefined, () => this.libvirt.call("NETWORK_SET_AUTOSTART", args));
  }

  async define(document: Element): Promise<void> {
    const remedy = "correct the argument that the message names; the definition on the host is as it was before";
    await this.run("define", remedy, () => this.libvirt.call("NETWORK_DEFINE_XML", { xml: render(document) }));
  }

  /** Writes another definition of a network that is there. */
  async redefine(uuid: string, document: Element): Promise<void> {
    try {
      await this.define(document);
    } catch (error) {
      if (!(error instanceof KvmError) || error.code === "connection-lost") throw error;
      const isKept = await this.isPersistent(uuid);
      if (isKept === undefined) throw forgotten(error, "network", "virtnetworkd");
      if (isKept) throw error;
      // libvirt takes one that runs for one without a definition then.
      const reason = `${error.details.reason}; the network runs on, and would be gone when it stops, until a run writes its definition`;
      throw new NotTakenBack(error.code, { ...error.details, reason });
    }
  }

  /** Whether the network has a definition that outlives it; undefined when there is no such network. */
  async isPersistent(uuid: string): Promise<boolean | undefined> {
    const net = networkHandle(uuid);
    const work = () => this.libvirt.call("NETWORK_IS_PERSISTENT", { net });
    const found = await ifFound(this.step("ask for the state of"), work);
    return found && found.persistent === 1;
  }

  async start(uuid: string): Promise<void> {
    await this.run("start", startRemedy, () => this.libvirt.call("NETWORK_CREATE", { net: networkHandle(uuid) }));
  }

  /** Whether the host has an interface of that name; undefined where its libvirt cannot tell. */
  hasInterface(name: string): Promise<boolean | undefined> {
    return hasInterface(this.libvirt, name);
  }

  /** The other networks that run, as they run. */
  async others(uuid: string): Promise<readonly Element[]> {
    const { nets } = await this.run("list the networks beside", undefined, () =>
      this.libvirt.call("CONNECT_LIST_ALL_NETWORKS", { needResults: 1, flags: activeOnly.networks }),
    );
    const documents = await Promise.all(
      nets
        .filter((net) => net.uuid !== uuid)
        .map((net) =>
          ifFound(this.step("read a network beside"), () =>
            this.libvirt.call("NETWORK_GET_XML_DESC", { net, flags: 0 }),
          ),
        ),
    );
    return documents.flatMap((found) => (found ? [parseAnswer(found.xml)] : []));
  }

  async stop(uuid: string): Promise<void> {
    const work = () => this.libvirt.call("NETWORK_DESTROY", { net: networkHandle(uuid) });
    await unlessDone(this.run("stop", undefined, work), () => this.runs(uuid));
  }

  async undefine(uuid: string): Promise<void> {
    const remedy = undefineRemedy("/etc/libvirt/qemu/networks", "virtnetworkd");
    const work = () => this.libvirt.call("NETWORK_UNDEFINE", { net: networkHandle(uuid) });
    // Of two at a time libvirt misses the file of what it was about to forget.
    const isLeft = async () => (await this.definition(uuid)) !== undefined;
    await unlessDone(ifFound(this.step("undefine", remedy), work), isLeft);
  }

  async updateLive(uuid: string, { section, command, parentIndex, xml }: LiveUpdate): Promise<void> {
    const swapped = this.libvirt.version < orderRepaired;
    const order = swapped ? { command: section, section: command } : { command, section };
    const args = { net: networkHandle(uuid), ...order, parentIndex, xml, flags: affectLive };
    await this.run("change the running", undefined, () => this.libvirt.call("NETWORK_UPDATE", args));
  }

  /** How many interfaces of guests are attached. */
  async guests(uuid: string): Promise<number> {
    const args = { network: networkHandle(uuid), needResults: 1, flags: 0 };
    const found = await ifFound(this.step("list the guests on"), () =>
      this.libvirt.call("NETWORK_LIST_ALL_PORTS", args),
    );
    return found?.ports.length ?? 0;
  }

  /** The domains of the host; with `running` those that run, as they run. */
  domains(running = false): Promise<readonly OtherDomain[]> {
    return otherDomains(this.libvirt, this.host, "", running);
  }

  gone(step: string): KvmError {
    return new KvmError("not-found", {
      ...this.step(step, "run pulumi refresh, then pulumi up makes it anew"),
      reason: "it is not there any more",
    });
  }

  private run<T>(what: string, remedy: Step["remedy"], work: () => Promise<T>): Promise<T> {
    return attempt(this.step(what, remedy), work);
  }

  private step<R extends Step["remedy"]>(what: string, remedy?: R) {
    return { step: `${what} ${this.label}`, host: this.host, ...(remedy !== undefined && { remedy }) };
  }
}

function startRemedy(said: string): string {
  if (/No usable Vf's/.test(said)) {
    return "the host has no such card, or it has no virtual functions yet: ls /sys/class/net on the host shows the cards, sriov_numvfs in DEVICE/device there says how many it has (echo 4 > makes some, where firmware and driver can)";
  }
  return /Operation not permitted|Permission denied/.test(said)
    ? "its libvirt has no right to that: a daemon of one user (qemu:///session) makes no networks, so take the host's own (qemu:///system), or give the guests nics with `user: {}`; in a container it needs CAP_NET_ADMIN"
    : "where a bridge name or an address range is in use, choose another with `bridge` or `subnets`, or remove its holder; `ip address` and `virsh net-list --all` on the host show who has it";
}
