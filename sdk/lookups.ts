import * as pulumi from "@pulumi/pulumi";
import { Host, type HostArgs } from "./host";
import { Network, type NetworkArgs } from "./network";
import { StoragePool, type StoragePoolArgs } from "./storage-pool";
import { VirtualMachine, type VirtualMachineArgs } from "./virtual-machine";
import { Volume, type VolumeArgs } from "./volume";

/**
 * Look-ups of what exists and is managed by nobody or by another stack. They read the host, in previews too, and
 * fail when there is nothing of that name; destroying the stack leaves the object alone. Where the host cannot be
 * reached in a preview, give the plain reference instead: `{ uuid, name, host }`.
 */
export interface LookupArgs {
  /** Host to look on. */
  readonly host: VirtualMachineArgs["host"];
  /** Name or uuid on the host. Default: the name of the look-up. */
  readonly key?: pulumi.Input<string>;
}

export interface VolumeLookupArgs {
  /** Pool to look in. */
  readonly pool: VolumeArgs["pool"];
  /** Name of the volume, or its path on the host. Default: the name of the look-up. */
  readonly key?: pulumi.Input<string>;
}

/** Looks at a machine without preparing anything on it. `args.uuid` makes sure that it is the expected one. */
export function getHost(
  name: string,
  { uuid, ...args }: HostArgs & { readonly uuid?: pulumi.Input<string> },
  options?: pulumi.CustomResourceOptions,
): Host {
  return new Host(name, args, found(uuid ?? args.uri, options));
}

/** An existing network (virNetworkLookupByName, virNetworkLookupByUUID). */
export function getNetwork(name: string, args: LookupArgs, options?: pulumi.CustomResourceOptions): Network {
  return new Network(name, { host: args.host } as NetworkArgs, found(args.key ?? name, options));
}

/** An existing storage pool (virStoragePoolLookupByName, virStoragePoolLookupByUUID). */
export function getPool(name: string, args: LookupArgs, options?: pulumi.CustomResourceOptions): StoragePool {
  return new StoragePool(name, { host: args.host } as StoragePoolArgs, found(args.key ?? name, options));
}

/** An existing volume of a pool (virStorageVolLookupByName, virStorageVolLookupByPath). */
export function getVolume(name: string, args: VolumeLookupArgs, options?: pulumi.CustomResourceOptions): Volume {
  return new Volume(name, { pool: args.pool } as VolumeArgs, found(args.key ?? name, options));
}

/** An existing domain (virDomainLookupByName, virDomainLookupByUUID). */
export function getVirtualMachine(
  name: string,
  args: LookupArgs,
  options?: pulumi.CustomResourceOptions,
): VirtualMachine {
  return new VirtualMachine(name, { host: args.host } as VirtualMachineArgs, found(args.key ?? name, options));
}

/** The engine keeps the look-up key as the id, so references between resources use `uuid`. */
function found(
  key: pulumi.Input<string>,
  options: pulumi.CustomResourceOptions | undefined,
): pulumi.CustomResourceOptions {
  return { ...options, id: pulumi.interpolate`lookup:${key}` };
}
