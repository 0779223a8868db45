import type { Context } from "../../core/handler";
import type { Inputs } from "./rows";
import { entriesOf } from "./rule-entries";

type Screen = Inputs["graphics"][string];
type Share = Inputs["filesystems"][string];

const loopback = /^(127\.|::1$|localhost$)/;
/** Folders by which whoever writes there has the host. */
const system =
  /^\/($|(etc|boot|proc|sys)(\/|$)|(dev|usr|bin|sbin|lib\d*|root|home|run|var|var\/lib|var\/lib\/libvirt)\/?$)/;

/** Says where a guest or its host is open to more than its owner may have meant. */
export function warnOfExposure({ graphics, filesystems }: Inputs, context: Context): void {
  for (const [key, { listen, password }] of entriesOf<Screen>(graphics)) {
    const address = listen && "address" in listen ? listen.address : undefined;
    if (address === undefined || loopback.test(address) || password !== undefined) continue;
    context.warn(
      `graphics.${key} listens on ${address} without a password: unless the host's qemu.conf asks for certificates or SASL, whoever reaches that address has the guest's screen and keyboard. Set a password, or listen on 127.0.0.1 and come by ssh (virt-viewer -c qemu+ssh://...)`,
    );
  }
  for (const [key, { source, readonly }] of entriesOf<Share>(filesystems)) {
    if (source === undefined || readonly === true || !system.test(source)) continue;
    context.warn(
      `filesystems.${key}: the guest may write to ${source} of the host, which may make its root that of the host: share a folder of its own, or set readonly: true`,
    );
  }
}
