/** libvirt's virDomainModificationImpact: what a call writes to. */
export const affect = { live: 1, config: 2 } as const;

/** Flags of virDomainUndefineFlags with the libvirt that brought them. Volumes are never touched. */
export const undefineFlags: readonly { readonly flag: number; readonly since: number }[] = [
  { flag: 1 | 2, since: 0 }, // managed save image, snapshots' metadata
  { flag: 16, since: 5_006_000 }, // checkpoints' metadata
  { flag: 32, since: 8_009_000 }, // TPM state
];
