import { cloudInitDisk } from "./cloud-init-disk";
import { host } from "./host";
import { network } from "./network";
import { placementGroup } from "./placement-group";
import { storagePool } from "./storage-pool";
import { virtualMachine } from "./virtual-machine";
import { volume } from "./volume";

/** Every resource of the provider. */
export const resources = [host, network, storagePool, volume, cloudInitDisk, virtualMachine, placementGroup] as const;
