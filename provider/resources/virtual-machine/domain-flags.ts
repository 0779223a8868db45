/** libvirt's virDomainModificationImpact: what a call writes to. */
export const affect = { live: 1, config: 2 } as const;

/** What libvirt keeps for a domain beside its definition, and may leave when that goes. */
export interface Belongings {
  /** The variables of UEFI. */
  readonly nvram: boolean;
  /** The state of an emulated TPM. */
  readonly tpm: boolean;
}

/** The libvirt that can leave the state of a TPM which is not to outlive the domain by itself. */
export const leavesTpmState = 8_009_000;

/** Flags of virDomainUndefineFlags, by the libvirt that brought them. Volumes are never touched. */
export function undefineFlags(version: number, leaves: Belongings): number {
  const managedSaveAndSnapshots = 1 | 2;
  const nvram = leaves.nvram ? 8 : 4;
  const checkpoints = version >= 5_006_000 ? 16 : 0;
  const tpm = version < leavesTpmState ? 0 : leaves.tpm ? 64 : 32;
  return managedSaveAndSnapshots | nvram | checkpoints | tpm;
}
