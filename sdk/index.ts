export * from "./cloud-init-disk";
export * from "./host";
export * from "./lookups";
export * from "./network";
export * from "./placement-group";
export * from "./storage-pool";
export * from "./virtual-machine";
export * from "./volume";
