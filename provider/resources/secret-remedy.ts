import type { Remedies } from "./remedies";

/** What to do about a secret of another usage type than what it is named for. */
export const giveOtherType =
  "name a secret of the right usage type (virsh secret-list shows it; the `<usage type>` of secret-define: volume for LUKS, vtpm for a TPM, ceph for rbd, iscsi)";

/** What libvirt says of a secret that its host does not have, that has no value or another use, and what to do then. */
export const secretRemedies: Remedies = [
  [
    /Secret not found/,
    "see that the host has that secret, and that it has a value (virsh secret-list, secret-define, secret-set-value)",
  ],
  [/secret with uuid \S+ is of type '/, giveOtherType],
];
