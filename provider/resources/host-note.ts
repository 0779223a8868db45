import type { Libvirt } from "../libvirt/api";
import { parseAnswer } from "../schema/answer";
import { child, element, render, textOf } from "../schema/tree";

/** virSecretUsageType: tls, whose usage is nothing but a name. */
const usageType = 4;

/**
 * Words left on a host for whoever comes next. They are the description of an ephemeral private secret: in the memory of
 * the daemon alone, and gone when that starts anew. libvirt knows one secret of a usage, and refuses a second one.
 */
export interface HostNote {
  readonly uuid: string;
  readonly usage: string;
  readonly text: string;
}

/** Writes it, or writes it anew. @throws LibvirtError where there is another one of that usage, or the daemon keeps none. */
export async function writeNote(libvirt: Libvirt, { uuid, usage, text }: HostNote): Promise<void> {
  const xml = render(
    element(
      "secret",
      { ephemeral: "yes", private: "yes" },
      element("uuid", {}, uuid),
      element("description", {}, text),
      element("usage", { type: "tls" }, element("name", {}, usage)),
    ),
  );
  await libvirt.call("SECRET_DEFINE_XML", { xml, flags: 0 });
}

/** That of this usage. @throws LibvirtError where there is none. */
export async function readNote(libvirt: Libvirt, usage: string): Promise<HostNote> {
  const { secret } = await libvirt.call("SECRET_LOOKUP_BY_USAGE", { usageType, usageID: usage });
  const { xml } = await libvirt.call("SECRET_GET_XML_DESC", { secret, flags: 0 });
  const description = child(parseAnswer(xml), "description");
  return { uuid: secret.uuid, usage, text: description ? textOf(description) : "" };
}

/** By its uuid: one of its usage that somebody else wrote meanwhile has another. */
export async function dropNote(libvirt: Libvirt, { uuid, usage }: Pick<HostNote, "uuid" | "usage">): Promise<void> {
  await libvirt.call("SECRET_UNDEFINE", { secret: { uuid, usageType, usageId: usage } });
}
