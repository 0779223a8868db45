import { KvmError } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Libvirt } from "../../libvirt/api";
import { child, type Element, ensure, setText, textOf } from "../../schema/tree";
import { otherDomains } from "../other-domains";
import type { Domain } from "./domain";
import type { Inputs } from "./rows";

/** Where libvirt keeps variables of UEFI that it made itself: NAME_VARS.fd, by the name that the domain had then. */
const made = /\/qemu\/nvram\/([^/]+)$/;

const nameIn = (document: Element) => textOf(child(document, "name") ?? document);

function pathIn(document: Element): string {
  const nvram = child(document, "os/nvram");
  return nvram ? textOf(nvram).trim() : "";
}

/** libvirt finds the image, and with it the place of the variables: 9.0 at each start anew, by the name. */
const isFound = (document: Element) => child(document, "os")?.attributes["firmware"] === "efi";

/** The file in libvirt's own folder that holds the variables of a domain. */
function fileOf(document: Element): string | undefined {
  const path = pathIn(document);
  if (path !== "") return made.exec(path)?.[1];
  return isFound(document) ? `${nameIn(document)}_VARS.fd` : undefined;
}

function resolvedIn(state: Values): string | undefined {
  const resolved = state["resolved"];
  const path = isPlainObject(resolved) ? resolved["nvram"] : undefined;
  return typeof path === "string" ? path : undefined;
}

/**
 * Under another name libvirt 9.0 would make new variables: this names the file that the guest has. Answers whether that
 * changes the document.
 */
export function keepVariables(document: Element, state: Values): boolean {
  const path = resolvedIn(state);
  if (path === undefined || !isFound(document) || pathIn(document) !== "") return false;
  setText(ensure(document, "os/nvram"), path);
  return true;
}

/**
 * Whether the variables of UEFI go with the domain: libvirt made them for it, by its name or by one that it had, and no
 * other domain has the file. A file that the program or somebody else named stays.
 */
export async function variablesGo(
  domain: Domain,
  document: Element,
  state: Inputs & Values,
  context: Context,
): Promise<boolean> {
  const file = fileOf(document);
  if (file === undefined) return false;
  const isByName = /^(.*)_VARS\.\w+$/.exec(file)?.[1] === nameIn(document);
  const isMadeBefore = state.nvram?.path === undefined && pathIn(document) === resolvedIn(state);
  if (!isByName && !isMadeBefore) return false;
  const others = await otherDomains(domain.libvirt, domain.host, domain.uuid);
  const holder = others.find(({ documents }) => documents.some((other) => fileOf(other) === file));
  if (!holder) return true;
  context.info(`the UEFI variables of ${nameIn(document)} (${file}) stay: the domain ${holder.name} has them too`);
  return false;
}

/**
 * Whether the variables of UEFI stay for the domain that is made anew in place of this one. libvirt gives it those that
 * have its name.
 */
export function variablesStay(document: Element, { name, firmware, nvram }: Inputs, context: Context): boolean {
  if (firmware !== "uefi") return false;
  const file = fileOf(document);
  if (file !== undefined && file !== `${name}_VARS.fd` && nvram?.path === undefined) {
    context.warn(
      `nvram: the UEFI variables of before stay on the host, in /var/lib/libvirt/qemu/nvram/${file}; the machine that is made anew has new ones, unless nvram.path names that file`,
    );
  }
  return true;
}

/**
 * Refuses a new domain the variables of another one: a renamed one keeps its file, which libvirt would give whoever comes
 * under the former name, and QEMU has two guests write to it at once.
 */
export async function requireOwnVariables(
  libvirt: Libvirt,
  { name, uuid, host }: Inputs,
  document: Element,
): Promise<void> {
  // A file that the program names is its own to share.
  if (!hasVariables(document) || pathIn(document) !== "") return;
  const file = `${name}_VARS.fd`;
  const others = await otherDomains(libvirt, host.uri, uuid);
  const holder = others.find(({ documents }) => documents.some((other) => fileOf(other) === file));
  if (!holder) return;
  throw new KvmError("conflict", {
    step: `create VirtualMachine ${name}`,
    host: host.uri,
    reason: `nvram: the file of UEFI variables that it would have, ${file}, is that of the domain ${holder.name}; nothing was changed`,
    remedy: `give it a file of its own (nvram: { path: "/var/lib/libvirt/qemu/nvram/${uuid}_VARS.fd" }), or another name`,
  });
}

/** Whether libvirt gives the domain variables by its name where the program names none. */
function hasVariables(document: Element): boolean {
  const { type, stateless } = child(document, "os/loader")?.attributes ?? {};
  return (isFound(document) || type === "pflash") && stateless !== "yes";
}

/** libvirt takes the variables away with a domain that has UEFI, and with no other. */
export function warnOfVariables(olds: Inputs & Values, news: Inputs, context: Context): void {
  const path = resolvedIn(olds);
  if (path === undefined || news.firmware !== "bios" || olds.nvram?.path !== undefined) return;
  context.warn(
    `firmware: the UEFI variables stay on the host, in ${path}, also when the machine is deleted without UEFI: delete them by hand if nobody shall have them`,
  );
}
