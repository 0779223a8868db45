import { child, type Element } from "../../schema/tree";

/** What libvirt says of a CID that another guest of the host has. */
export const cidTaken = /failed to set guest cid: Address already in use/;

/** That of a running guest, chosen or not, or the one that a definition names. */
export function cidIn(domain: Element): string | undefined {
  return child(domain, "devices/vsock/cid")?.attributes["address"];
}
