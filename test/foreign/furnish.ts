import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabHost } from "../lab/host";
import { run } from "../lab/processes";
import { foreignDomain, foreignImages, foreignNetworks, imageSize, styles } from "./host";

/** Puts networks, a pool with a chain of images, and the domains of all styles on the host. */
export async function furnishForeign(host: LabHost): Promise<void> {
  const at = (name: string) => join(host.directory, name);
  for (const folder of ["pool", "outside", "share", "floppy"]) mkdirSync(at(folder));
  for (const [name, format, backing] of foreignImages) {
    const base = backing === undefined ? [] : ["-b", at(backing), "-F", "qcow2"];
    await run(["qemu-img", "create", "-q", "-f", format, ...base, at(name), String(imageSize)]);
  }
  await host.exec("ip link add br-lab type bridge && ip link set br-lab up");
  const define = async (command: string, name: string, xml: string) => {
    writeFileSync(at(`${name}.xml`), xml);
    await host.virsh(command, at(`${name}.xml`));
  };
  for (const [name, xml] of Object.entries(foreignNetworks)) await define("net-define", name, xml);
  await host.virsh("net-start", "default");
  await host.virsh("pool-define-as", "vms", "dir", "--target", at("pool"));
  await host.virsh("pool-start", "vms");
  for (const style of styles) await define("define", style, foreignDomain(style, host.directory));
}
