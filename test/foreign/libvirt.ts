import type { Libvirt } from "../../provider/libvirt/api";
import { foreignImages, foreignNetworks, imageSize } from "./host";

const folder = "/srv";
const poolUuid = "0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6c01";

/** A host with this domain, that answers what an import reads from documents; anything else is an error. */
export function documentedHost(domain: string): Libvirt {
  const uuid = /<uuid>(.*)<\/uuid>/.exec(domain)?.[1] ?? "";
  const name = /<name>(.*)<\/name>/.exec(domain)?.[1] ?? "";
  const networks = Object.entries(foreignNetworks).map(([net, xml]) => {
    return { name: net, uuid: /<uuid>(.*)<\/uuid>/.exec(xml)?.[1] ?? "", xml };
  });
  const images = foreignImages.filter(([image]) => image.startsWith("pool/"));
  const volumes = images.map(([image, format, backing]) => {
    const store = backing ? `<backingStore><path>${folder}/${backing}</path><format type='qcow2'/></backingStore>` : "";
    const file = image.slice("pool/".length);
    const xml = `<volume type='file'><name>${file}</name><capacity unit='bytes'>${imageSize}</capacity>
      <allocation unit='bytes'>4096</allocation><target><path>${folder}/${image}</path><format type='${format}'/></target>${store}</volume>`;
    return { name: file, path: `${folder}/${image}`, xml };
  });
  const pool = { name: "vms", uuid: poolUuid };
  const volume = (args: Args) => volumes.find((item) => item.name === (args["vol"] as { name: string }).name);
  const handle = { dom: { name, uuid, id: -1 } };
  const answers: Readonly<Record<string, (args: Args) => unknown>> = {
    CONNECT_GET_CAPABILITIES: () => ({ capabilities }),
    CONNECT_GET_HOSTNAME: () => ({ hostname: "rack1" }),
    CONNECT_GET_VERSION: () => ({ hvVersion: 7002000n }),
    CONNECT_GET_DOMAIN_CAPABILITIES: () => ({ capabilities: "<domainCapabilities/>" }),
    CONNECT_LIST_ALL_NODE_DEVICES: () => ({ devices: [] }),
    NODE_DEVICE_GET_XML_DESC: (args) => ({
      xml: `<device><name>${args["name"]}</name><capability type='pci'><domain>0</domain><bus>59</bus><slot>0</slot>
        <function>1</function><iommuGroup number='7'/></capability></device>`,
    }),
    CONNECT_LIST_ALL_INTERFACES: () => ({ ifaces: [] }),
    CONNECT_LIST_ALL_DOMAINS: () => ({ domains: [handle.dom] }),
    CONNECT_LIST_ALL_NETWORKS: () => ({ nets: networks }),
    CONNECT_LIST_ALL_STORAGE_POOLS: () => ({ pools: [pool] }),
    DOMAIN_LOOKUP_BY_UUID: () => handle,
    DOMAIN_GET_XML_DESC: () => ({ xml: domain }),
    DOMAIN_GET_STATE: () => ({ state: 5 }),
    DOMAIN_GET_AUTOSTART: () => ({ autostart: 0 }),
    DOMAIN_IS_PERSISTENT: () => ({ persistent: 1 }),
    NETWORK_GET_XML_DESC: (args) => ({ xml: networks.find((net) => net.uuid === (args["net"] as Named).uuid)?.xml }),
    NETWORK_IS_ACTIVE: () => ({ active: 0 }),
    NETWORK_IS_PERSISTENT: () => ({ persistent: 1 }),
    NETWORK_GET_AUTOSTART: () => ({ autostart: 0 }),
    STORAGE_POOL_GET_XML_DESC: () => ({
      xml: `<pool type='dir'><name>vms</name><uuid>${poolUuid}</uuid><source/><target><path>${folder}/pool</path></target></pool>`,
    }),
    STORAGE_POOL_IS_ACTIVE: () => ({ active: 1 }),
    STORAGE_POOL_IS_PERSISTENT: () => ({ persistent: 1 }),
    STORAGE_POOL_GET_AUTOSTART: () => ({ autostart: 1 }),
    STORAGE_POOL_REFRESH: () => ({}),
    STORAGE_POOL_GET_INFO: () => ({ state: 2, capacity: 1024n ** 3n, allocation: 0n, available: 1024n ** 3n }),
    STORAGE_POOL_LIST_ALL_VOLUMES: () => ({ vols: volumes.map((item) => ({ ...item, pool: "vms", key: item.path })) }),
    STORAGE_VOL_LOOKUP_BY_NAME: (args) => {
      const found = volumes.find((item) => item.name === args["name"]);
      return { vol: { ...found, pool: "vms", key: "" } };
    },
    STORAGE_VOL_GET_XML_DESC: (args) => ({ xml: volume(args)?.xml }),
    STORAGE_VOL_GET_PATH: (args) => ({ name: volume(args)?.path }),
  };
  const call = async (procedure: string, args: Args) => {
    const answer = answers[procedure];
    if (!answer) throw new Error(`an import has no business with ${procedure}`);
    return answer(args);
  };
  const hostUuid = "0f0e7c4e-6f57-4c0e-9d0b-6b2f6f1f6d01";
  return { uri: "qemu+ssh://root@rack1.example/system", hostUuid, version: 9000000, call } as unknown as Libvirt;
}

type Args = Readonly<Record<string, unknown>>;
interface Named {
  readonly uuid: string;
}

const capabilities = `<capabilities><host><cpu><arch>x86_64</arch></cpu><topology><cells num='1'><cell id='0'>
  <memory unit='KiB'>16777216</memory><cpus num='1'><cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0'/></cpus>
  </cell></cells></topology></host><guest><os_type>hvm</os_type>
  <arch name='x86_64'><machine canonical='pc-q35-7.2'>q35</machine><machine canonical='pc-i440fx-7.2'>pc</machine>
  <domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>`;
