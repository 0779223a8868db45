import type { DomainEvent, Libvirt, TypedParam } from "../../libvirt/api";
import { type Element, render } from "../../schema/tree";
import { attempt, type Step } from "../failure";
import { aliasOf } from "./alias";
import { affect } from "./domain-flags";
import { remedyFor } from "./start-remedies";

/** How libvirt's calls name a domain. */
interface Handle {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** The calls that change a guest as it runs. */
export abstract class RunningDomain {
  protected constructor(
    readonly libvirt: Libvirt,
    readonly host: string,
    protected dom: Handle,
  ) {}

  get name(): string {
    return this.dom.name;
  }

  get uuid(): string {
    return this.dom.uuid;
  }

  async setVcpus(count: number): Promise<void> {
    await this.run("set the vCPUs of", () =>
      this.libvirt.call("DOMAIN_SET_VCPUS_FLAGS", { dom: this.dom, nvcpus: count, flags: affect.live }),
    );
  }

  /** What libvirt does when the guest goes off (0), reboots (1) or crashes (2). */
  async setLifecycleAction(type: 0 | 1 | 2, action: number): Promise<void> {
    await this.run("set what follows the end of", () =>
      this.libvirt.call("DOMAIN_SET_LIFECYCLE_ACTION", { dom: this.dom, type, action, flags: affect.live }),
    );
  }

  async setMemory(kibibytes: bigint): Promise<void> {
    await this.run("set the memory of", () =>
      this.libvirt.call("DOMAIN_SET_MEMORY_FLAGS", { dom: this.dom, memory: kibibytes, flags: affect.live }),
    );
  }

  async addIothread(id: number): Promise<void> {
    await this.run(`add IOThread ${id} to`, () =>
      this.libvirt.call("DOMAIN_ADD_IOTHREAD", { dom: this.dom, iothreadId: id, flags: affect.live }),
    );
  }

  async deleteIothread(id: number): Promise<void> {
    await this.run(`delete IOThread ${id} of`, () =>
      this.libvirt.call("DOMAIN_DEL_IOTHREAD", { dom: this.dom, iothreadId: id, flags: affect.live }),
    );
  }

  async setIothreadParams(iothreadId: number, params: readonly TypedParam[]): Promise<void> {
    const args = { dom: this.dom, iothreadId, params, flags: affect.live };
    await this.run(`tune IOThread ${iothreadId} of`, () => this.libvirt.call("DOMAIN_SET_IOTHREAD_PARAMS", args));
  }

  /** CPUs of the host for one vCPU; the lowest bit of the first byte is CPU 0. */
  async pinVcpu(vcpu: number, cpumap: Buffer): Promise<void> {
    await this.run(`pin vCPU ${vcpu} of`, () =>
      this.libvirt.call("DOMAIN_PIN_VCPU_FLAGS", { dom: this.dom, vcpu, cpumap, flags: affect.live }),
    );
  }

  /** CPUs of the host for the threads of QEMU that are no vCPU and no IOThread. */
  async pinEmulator(cpumap: Buffer): Promise<void> {
    await this.run("pin the emulator of", () =>
      this.libvirt.call("DOMAIN_PIN_EMULATOR", { dom: this.dom, cpumap, flags: affect.live }),
    );
  }

  async pinIothread(iothreadsId: number, cpumap: Buffer): Promise<void> {
    await this.run(`pin IOThread ${iothreadsId} of`, () =>
      this.libvirt.call("DOMAIN_PIN_IOTHREAD", { dom: this.dom, iothreadsId, cpumap, flags: affect.live }),
    );
  }

  /** Weight, periods and quotas of the guest's threads. */
  async setSchedulerParameters(params: readonly TypedParam[]): Promise<void> {
    await this.run("set the CPU time of", () =>
      this.libvirt.call("DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS", { dom: this.dom, params, flags: affect.live }),
    );
  }

  /** Limits of the host's memory for QEMU, in KiB. */
  async setMemoryParameters(params: readonly TypedParam[]): Promise<void> {
    await this.run("limit the memory of", () =>
      this.libvirt.call("DOMAIN_SET_MEMORY_PARAMETERS", { dom: this.dom, params, flags: affect.live }),
    );
  }

  /** Seconds between the balloon's reports; 0 ends them. */
  async setMemoryStatsPeriod(period: number): Promise<void> {
    await this.run("set the period of memory statistics of", () =>
      this.libvirt.call("DOMAIN_SET_MEMORY_STATS_PERIOD", { dom: this.dom, period, flags: affect.live }),
    );
  }

  /** Cells of the host for the memory; taken in mode restrictive alone. */
  async setNumaParameters(params: readonly TypedParam[]): Promise<void> {
    await this.run("move the memory of", () =>
      this.libvirt.call("DOMAIN_SET_NUMA_PARAMETERS", { dom: this.dom, params, flags: affect.live }),
    );
  }

  /** Limits of the I/O of the disk that the domain calls `disk` ("vda"); 0 lifts one. */
  async setBlockIoTune(disk: string, params: readonly TypedParam[]): Promise<void> {
    await this.run(`limit the I/O of ${disk} of`, () =>
      this.libvirt.call("DOMAIN_SET_BLOCK_IO_TUNE", { dom: this.dom, disk, params, flags: affect.live }),
    );
  }

  /**
   * Makes or changes limits that disks share (libvirt 11.2). The name stands among the limits too: without it libvirt
   * keeps a group of no name, and cannot read its own definition any more (11.3).
   */
  async setThrottleGroup(group: string, limits: readonly TypedParam[]): Promise<void> {
    const params: TypedParam[] = [...limits, { field: "group_name", type: "string", value: group }];
    await this.run(`set the throttle group ${group} of`, () =>
      this.libvirt.call("DOMAIN_SET_THROTTLE_GROUP", { dom: this.dom, group, params, flags: affect.live }),
    );
  }

  async deleteThrottleGroup(group: string): Promise<void> {
    await this.run(`delete the throttle group ${group} of`, () =>
      this.libvirt.call("DOMAIN_DEL_THROTTLE_GROUP", { dom: this.dom, group, flags: affect.live }),
    );
  }

  /** Weights and limits of the host's I/O scheduler for the guest as a whole. */
  async setBlkioParameters(params: readonly TypedParam[]): Promise<void> {
    await this.run("set the I/O weight of", () =>
      this.libvirt.call("DOMAIN_SET_BLKIO_PARAMETERS", { dom: this.dom, params, flags: affect.live }),
    );
  }

  /** What the running encrypted guest was measured as, among more; libvirt fails for others. */
  async launchSecurityInfo(): Promise<readonly TypedParam[]> {
    const { params } = await this.run("read the measurement of", () =>
      this.libvirt.call("DOMAIN_GET_LAUNCH_SECURITY_INFO", { dom: this.dom, flags: 0 }),
    );
    return params;
  }

  /** Puts a secret into the memory of the paused encrypted guest (libvirt 8.0). */
  async setLaunchSecret(params: readonly TypedParam[]): Promise<void> {
    const remedy = "make the secret anew from the output launchMeasurement of this very start of the guest";
    await this.run(
      "put the secret into",
      () => this.libvirt.call("DOMAIN_SET_LAUNCH_SECURITY_STATE", { dom: this.dom, params, flags: 0 }),
      remedy,
    );
  }

  async attach(device: Element): Promise<void> {
    const args = { dom: this.dom, xml: render(device), flags: affect.live };
    const work = () => this.libvirt.call("DOMAIN_ATTACH_DEVICE_FLAGS", args);
    await this.run(`plug ${aliasOf(device) ?? device.name} into`, work, remedyFor);
  }

  /** Tells of what happens to any domain of the host until the answer is called. */
  async onEvent(handler: (event: DomainEvent) => void): Promise<() => void> {
    return this.run("listen to the events of", () => this.libvirt.onDomainEvent(handler));
  }

  /** Asks the guest to let go of a device; returns before it has. */
  async detach(alias: string): Promise<void> {
    await this.run(`unplug ${alias} from`, () =>
      this.libvirt.call("DOMAIN_DETACH_DEVICE_ALIAS", { dom: this.dom, alias, flags: affect.live }),
    );
  }

  /** Sends the whole element: what is left out would be taken for a wish to keep, or to clear, by the libvirt's version. */
  async updateDevice(device: Element, force = false): Promise<void> {
    // VIR_DOMAIN_DEVICE_MODIFY_FORCE: takes a medium out though the guest has locked the tray.
    const flags = force ? affect.live | 4 : affect.live;
    const args = { dom: this.dom, xml: render(device), flags };
    const work = () => this.libvirt.call("DOMAIN_UPDATE_DEVICE_FLAGS", args);
    await this.run(`change a ${device.name} of`, work, remedyFor);
  }

  protected run<T>(verb: string, work: () => Promise<T>, remedy?: Step["remedy"]): Promise<T> {
    return attempt({ step: `${verb} VirtualMachine ${this.name}`, host: this.host, ...(remedy && { remedy }) }, work);
  }
}
