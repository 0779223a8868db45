import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { buildSeed } from "../../provider/seed/cloud-init";
import { handlerContext, metaOf, type TestContext } from "./handler-context";
import type { LabHost } from "./host";
import { cacheFolder } from "./lab";
import { run, waitFor } from "./processes";

/** 128 bits as Host makes them. */
export const owner = "00112233445566778899aabbccddeeff";

/** The host as resources refer to it, over its socket. */
export function referenceOf({ socketUri, uuid }: LabHost): Values {
  return { uri: socketUri, uuid, owner };
}

/** A virtual machine of the tests, driven as the engine does it: what one call answers goes into the next. */
export class Machine {
  readonly handler = virtualMachine;
  context: TestContext;
  id = "";
  state: Values = {};

  constructor(
    private readonly host: LabHost,
    readonly logicalName: string,
    private readonly base: Values = {},
  ) {
    this.context = handlerContext(metaOf(logicalName, "VirtualMachine"));
  }

  get reference(): Values {
    return referenceOf(this.host);
  }

  get name(): string {
    return String(this.state["name"]);
  }

  /** Canonical inputs; an old state keeps what was derived. */
  inputs(args: Values): Values {
    const { inputs, failures } = this.check(args);
    expect(failures).toEqual([]);
    return inputs;
  }

  /** What is wrong with the arguments. */
  faults(args: Values): string[] {
    return this.check(args).failures.map(({ property, reason }) => `${property}: ${reason}`);
  }

  /** From now on the program leaves these to others, as with the option `ignoreChanges`. */
  ignore(...ignoreChanges: readonly string[]): void {
    this.context = { ...this.context, meta: { ...metaOf(this.logicalName, "VirtualMachine"), ignoreChanges } };
  }

  /** From now on it is another stack's: those of one wait for what another of them may be about to let go. */
  inOtherStack(): this {
    const { meta } = this.context;
    const other = meta && { ...meta, stack: "other", urn: meta.urn.replace(":test:", ":other:") };
    this.context = { ...this.context, ...(other && { meta: other }) };
    return this;
  }

  private check(args: Values) {
    const olds = this.id === "" ? undefined : this.state;
    const news = {
      host: this.reference,
      virtType: "qemu",
      memory: "64 MiB",
      stopTimeout: "0 s",
      ...this.base,
      ...args,
    };
    return virtualMachine.check(news, olds, this.context.meta);
  }

  async create(args: Values = {}): Promise<void> {
    ({ id: this.id, state: this.state } = await virtualMachine.create(this.inputs(args), this.context));
  }

  /** What a program with these arguments does: nothing, when nothing differs. */
  async up(args: Values = {}): Promise<void> {
    this.state = await virtualMachine.update(this.id, this.state, this.inputs(args), this.context);
  }

  diff(args: Values = {}) {
    return virtualMachine.diff(this.id, this.state, this.inputs(args), this.context.meta);
  }

  /** Refreshes; answers the inputs that differ from those in state. */
  async refresh(): Promise<string[] | "gone"> {
    const seen = await virtualMachine.read(this.id, this.state, this.context);
    if (!seen) return "gone";
    const changes = virtualMachine.diff(this.id, this.state, seen.inputs).changes.map(({ property }) => property);
    this.state = seen.state;
    return changes;
  }

  async delete(): Promise<void> {
    await virtualMachine.delete(this.id, this.state, this.context);
  }

  async xml(...flags: string[]): Promise<string> {
    return this.host.virsh("dumpxml", this.name, ...flags);
  }

  /** Runs a shell script in the guest, by its agent; answers what it wrote. */
  inGuest(script: string): Promise<string> {
    return inGuest(this.host, this.name, script);
  }

  /** Opens the tray of that drive, as an eject in the guest does it; asks again as long as the guest keeps it locked. */
  async openTray(disk: string): Promise<void> {
    const command = { execute: "blockdev-open-tray", arguments: { id: `ua-disk-${disk}` } };
    await waitFor(`the tray of ${disk} to open`, 20, async () => {
      await this.host.virsh("qemu-monitor-command", this.name, JSON.stringify(command));
      return (await this.tray(disk)).isOpen;
    });
  }

  /** Whether the tray of that drive is open, and whether libvirt takes it for open. */
  async tray(disk: string): Promise<{ readonly isOpen: boolean; readonly libvirtSays: boolean }> {
    const reply = await this.host.virsh("qemu-monitor-command", this.name, JSON.stringify({ execute: "query-block" }));
    const drives: readonly { qdev?: string; tray_open?: boolean }[] = JSON.parse(reply).return;
    const drive = drives.find(({ qdev }) => qdev?.endsWith(`ua-disk-${disk}`));
    const device = (await this.xml()).split("<disk ").find((text) => text.includes(`<alias name='ua-disk-${disk}'/>`));
    return { isOpen: drive?.tray_open === true, libvirtSays: device?.includes(" tray='open'") === true };
  }

  async power(): Promise<string> {
    return (await this.host.virsh("domstate", this.name)).trim();
  }
}

/** Runs a shell script in the guest of that domain, by its agent; answers what it wrote. */
export async function inGuest(host: LabHost, domain: string, script: string): Promise<string> {
  const ask = async (execute: string, values: Values) =>
    JSON.parse(await host.virsh("qemu-agent-command", domain, JSON.stringify({ execute, arguments: values })));
  const arg = ["-c", `PATH=/bin; ${script}`];
  const { return: started } = await ask("guest-exec", { path: "/bin/sh", arg, "capture-output": true });
  let output = "";
  await waitFor(`the guest to run ${script}`, 30, async () => {
    const { return: status } = await ask("guest-exec-status", { pid: started.pid });
    output = ["out-data", "err-data"].map((part) => Buffer.from(status[part] ?? "", "base64").toString()).join("");
    return status.exited;
  });
  return output.trim();
}

/** Takes away what a test has left on the host, so that the next one has it to itself. */
export async function clearAway(machines: Machine[]): Promise<void> {
  for (const made of machines.splice(0)) {
    if (made.id !== "") await made.delete();
    await made.context.close();
  }
}

/** A kernel, an initial RAM disk, a network and an image folder on the host. `guest-full` drives more than virtio. */
export async function furnish(
  host: LabHost,
  guest: "guest" | "guest-full" = "guest",
): Promise<{ readonly boot: Values; readonly network: Values }> {
  for (const file of ["vmlinuz", "initrd.gz"])
    copyFileSync(join(cacheFolder(), guest, file), join(host.directory, file));
  const xml = `<network><name>lan</name><bridge name='virbr-lan'/><forward mode='nat'/><ip address='10.31.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.31.0.10' end='10.31.0.99'/></dhcp></ip></network>`;
  writeFileSync(join(host.directory, "lan.xml"), xml);
  await host.virsh("net-define", join(host.directory, "lan.xml"));
  await host.virsh("net-start", "lan");
  return {
    boot: {
      kernel: join(host.directory, "vmlinuz"),
      initrd: join(host.directory, "initrd.gz"),
      cmdline: "console=ttyS0 quiet mitigations=off",
    },
    network: { name: "lan", host: { uri: host.socketUri } },
  };
}

/** An empty image, as a reference to a volume. */
export async function image(host: LabHost, name: string, format = "qcow2"): Promise<Values> {
  const path = join(host.directory, name);
  await run(["qemu-img", "create", "-q", "-f", format, path, "16M"]);
  return { path, format, name, pool: "11111111-2222-4333-8444-555555555555", host: { uri: host.socketUri } };
}

/** A NoCloud medium that says that host name. */
export function medium(host: LabHost, hostname: string): Values {
  const path = join(host.directory, `${hostname}.iso`);
  writeFileSync(path, buildSeed({ userData: { hostname }, hostname, instanceId: "i-1" } as never).iso);
  return { path, format: "iso", name: `${hostname}.iso`, host: { uri: host.socketUri } };
}

/** Waits for a line of the guest's console; answers what the pattern's first group caught. */
export async function consoleLine(file: string, pattern: RegExp, host: LabHost): Promise<string> {
  let found = "";
  await waitFor(`${pattern} on the console`, 60, async () => {
    const text = (await host.exec(["cat", file], { check: false })).stdout;
    found = [...text.matchAll(new RegExp(pattern, "g"))].at(-1)?.[1] ?? "";
    return found !== "";
  });
  return found;
}
