import type { Properties } from "./provider-process";

/** A host that no packet ever reaches (RFC 5737): whoever tries waits. */
export const unroutable = "qemu+tcp://192.0.2.1/system";

/** Where a resource stands; the same for every test, so that what is derived from it can be written down. */
export function metaOf(type: string, name: string, more: Properties = {}): Properties {
  const urn = `urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:${type}::${name}`;
  return { organization: "organization", urn, ...more };
}

/** What the class passes along besides the arguments. */
export function hidden(type: string, name: string, more: Properties = {}): Properties {
  return {
    __provider: `exports.handler = () => require("pulumi-kvm/provider").${type};`,
    __meta: JSON.stringify(metaOf(type, name, more)),
  };
}

/** Arguments of one resource of each class, as a program passes them. */
export function argumentsOf(uri: string): Readonly<Record<string, Properties>> {
  const host = { uri };
  const pool = {
    uuid: "11111111-2222-5333-8444-555555555555",
    name: "vms-1111111",
    type: "dir",
    path: "/srv/vms",
    host,
  };
  const root = { pool: pool.uuid, name: "root.qcow2", path: "/srv/vms/root.qcow2", format: "qcow2", host };
  const network = { uuid: "21111111-2222-5333-8444-555555555555", name: "lan", host };
  return {
    Host: { uri },
    Network: { host, mode: "nat", subnets: ["10.20.0.0/24"] },
    StoragePool: { host, type: "dir", path: "/srv/vms" },
    Volume: { pool, size: "40 GiB" },
    CloudInitDisk: { pool, hostname: "db", userData: { hostname: "db" } },
    PlacementGroup: { host, requests: { db: { vcpus: 2, memory: "1 GiB", cpu: { policy: "dedicated" } } } },
    VirtualMachine: { host, memory: "1 GiB", disks: { root: { volume: root } }, nics: { lan: { network } } },
  };
}
