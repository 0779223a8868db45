import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import { ifFound } from "../failure";
import { giveOtherType } from "../secret-remedy";
import type { SecretReference } from "./disk-secret";
import type { Inputs } from "./rows";
import { type Disk, entriesOf } from "./rule-entries";

interface Claim {
  readonly at: string;
  readonly device: "tpm" | `disks.${string}`;
  readonly secret: SecretReference;
  /** What libvirt knows it for. */
  readonly kind: keyof typeof usageTypes;
}

/** virSecretUsageType */
const usageTypes = { volume: 1, ceph: 2, iscsi: 3, vtpm: 5 } as const;

/** Refuses secrets that the host has not, or for another use, with which the guest that is to run would not start. `needs` says of which devices. */
export async function requireSecrets(
  libvirt: Libvirt,
  inputs: Inputs,
  needs: (device: Claim["device"]) => boolean,
): Promise<void> {
  if (inputs.state === "stopped") return;
  const { name, host } = inputs;
  await Promise.all(
    claimsOf(inputs).map(async ({ at, device, secret, kind }) => {
      if (!needs(device)) return;
      const step = { step: `look for the secret of ${at} of VirtualMachine ${name}`, host: host.uri };
      const found = await ifFound(step, () =>
        "uuid" in secret
          ? libvirt.call("SECRET_LOOKUP_BY_UUID", { uuid: secret.uuid })
          : libvirt.call("SECRET_LOOKUP_BY_USAGE", { usageType: usageTypes[kind], usageID: secret.usage }),
      );
      if (found?.secret.usageType === usageTypes[kind]) return;
      const which = "uuid" in secret ? `uuid ${secret.uuid}` : `usage ${secret.usage} (${kind})`;
      if (found) {
        const reason = `${at}: the secret of ${which} is of another usage type than ${kind}; nothing was changed`;
        throw new KvmError("conflict", { ...step, reason, remedy: giveOtherType });
      }
      throw new KvmError("not-found", {
        ...step,
        reason: `${at}: the host has no secret of ${which}; nothing was changed`,
        remedy: "make it first (virsh secret-define, secret-set-value), or name one of `virsh secret-list`",
      });
    }),
  );
}

function claimsOf({ disks, tpm }: Inputs): Claim[] {
  const ofDisks = entriesOf<Disk>(disks).flatMap(([key, { encryption, network }]): Claim[] => {
    const device = `disks.${key}` as const;
    const auth = network !== undefined && "auth" in network ? network.auth : undefined;
    return [
      ...(encryption
        ? [{ at: `${device}.encryption.secret`, device, secret: encryption.secret, kind: "volume" } as const]
        : []),
      ...(auth && network
        ? [
            {
              at: `${device}.network.auth.secret`,
              device,
              secret: auth.secret,
              kind: network.protocol === "rbd" ? "ceph" : "iscsi",
            } as const,
          ]
        : []),
    ];
  });
  const ofTpm: Claim[] =
    tpm?.encryptionSecret === undefined
      ? []
      : [{ at: "tpm.encryptionSecret", device: "tpm", secret: { uuid: tpm.encryptionSecret }, kind: "vtpm" }];
  return [...ofDisks, ...ofTpm];
}
