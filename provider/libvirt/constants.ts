/** Flags of virDomainGetXMLDesc. Without `secure` libvirt leaves passwords out, and a redefine would delete them. */
export const xmlFlags = { secure: 1, inactive: 2, migratable: 8 } as const;

/** Flags of virConnectListAllDomains and its kin for what is active alone. */
export const activeOnly = { domains: 1, interfaces: 2, networks: 2, pools: 2 } as const;

/** Flags of virConnectListAllDomains for domains that have such. */
export const holding = { savedState: 1 << 8, snapshots: 1 << 12 } as const;
