import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Domains as other tools define them, by the style of the tool. */
export const styles = readdirSync(__dirname).flatMap((name) => (name.endsWith(".xml") ? [name.slice(0, -4)] : []));

/** The document of a style for a host whose folder of images is `folder`. */
export function foreignDomain(style: string, folder: string): string {
  return readFileSync(join(__dirname, `${style}.xml`), "utf8").replaceAll("@DIR@", folder);
}

export const foreignNetworks: Readonly<Record<string, string>> = {
  default: `<network><name>default</name><uuid>0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6b01</uuid><forward mode='nat'/>
    <bridge name='virbr9' stp='on' delay='0'/><ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip></network>`,
  "tf-net": `<network><name>tf-net</name><uuid>0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6b02</uuid><forward mode='route'/>
    <bridge name='virbr8' stp='on' delay='0'/><domain name='tf.example' localOnly='yes'/>
    <dns><forwarder addr='10.0.0.1'/><host ip='10.17.3.1'><hostname>gate</hostname></host></dns>
    <ip family='ipv4' address='10.17.3.1' prefix='24'><dhcp><range start='10.17.3.50' end='10.17.3.99'/>
    <host mac='52:54:00:5b:1c:04' name='node' ip='10.17.3.10'/></dhcp></ip></network>`,
  odd: `<network><name>odd</name><uuid>0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6b03</uuid><forward mode='nat'/>
    <bridge name='virbr7' stp='on' delay='0'/><ip address='10.18.0.200' prefix='24'/></network>`,
  "host-bridge": `<network><name>host-bridge</name><uuid>0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6b04</uuid>
    <forward mode='bridge'/><bridge name='br-lab'/></network>`,
};

/** Images below the folder, each with its format and what it is based on; those in `pool` are volumes of the pool vms. */
export const foreignImages: readonly (readonly [name: string, format: string, backing?: string])[] = [
  ["loose.img", "raw"],
  ["pool/base.qcow2", "qcow2"],
  ["pool/vm-101-middle.qcow2", "qcow2", "pool/base.qcow2"],
  ["pool/vm-101-top.qcow2", "qcow2", "pool/vm-101-middle.qcow2"],
  ["pool/web01.qcow2", "qcow2", "pool/base.qcow2"],
  ["pool/node.qcow2", "qcow2"],
  ["pool/vm-101-disk-0.raw", "raw"],
  ["pool/vm-101-disk-1.raw", "raw"],
  ["pool/commoninit.iso", "raw"],
  ["outside/backing.img", "qcow2"],
  ["outside/win.qcow2", "qcow2", "outside/backing.img"],
  ["outside/virtio-win.iso", "raw"],
];

/** Size of each image, in bytes. */
export const imageSize = 4 * 1024 * 1024;
