/** What libvirt says of a secret that its host does not have, or that has no value, and what to do then. */
export const secretRemedy = [
  /Secret not found/,
  "see that the host has that secret, and that it has a value (virsh secret-list, secret-define, secret-set-value)",
] as const;
