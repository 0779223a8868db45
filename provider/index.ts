/**
 * The entry that every state names in its provider text. The path and these names are frozen for ever: an old state
 * calls them when it is refreshed or destroyed.
 */
import { dynamicProvider } from "./adapters/dynamic";
import { cloudInitDisk } from "./resources/cloud-init-disk";
import { host } from "./resources/host";
import { network } from "./resources/network";
import { placementGroup } from "./resources/placement-group";
import { storagePool } from "./resources/storage-pool";
import { virtualMachine } from "./resources/virtual-machine";
import { volume } from "./resources/volume";

export const Host = dynamicProvider(host);
export const Network = dynamicProvider(network);
export const StoragePool = dynamicProvider(storagePool);
export const Volume = dynamicProvider(volume);
export const CloudInitDisk = dynamicProvider(cloudInitDisk);
export const VirtualMachine = dynamicProvider(virtualMachine);
export const PlacementGroup = dynamicProvider(placementGroup);
