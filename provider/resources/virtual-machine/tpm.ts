import { type Around, attribute, block, type Verdict, z } from "../../core/attribute";
import type { Context, Values } from "../../core/handler";
import { hostPath, uuid } from "../../core/quantities";
import { isPlainObject, unknown } from "../../core/unknown";
import { attributeAt, type ElementLens, oneOf, words } from "../../schema/lens";
import { child, children, element, ensure, remove } from "../../schema/tree";
import { SingleDevice } from "./single-device";

const models = ["tpm-crb", "tpm-tis"] as const;
const backends = ["emulator", "passthrough"] as const;
const banks = ["sha1", "sha256", "sha384", "sha512"] as const;
type Bank = (typeof banks)[number];

const tpm = new SingleDevice("tpm", "ua-tpm-main");
const restart = () => ({ class: "restart", reason: "libvirt plugs no TPM into a running guest" }) as const;

/** A TPM that comes or goes with its secret leaves no state behind that would have to be another one. */
function encryptionChange(_old: unknown, _next: unknown, { old: before, next: after }: Around): Verdict {
  const stays = before.backend === "emulator" && (after.backend === "emulator" || after.backend === unknown);
  return stays ? { class: "replace", reason: "state that is there is never encrypted afterwards" } : restart();
}

/** Every TPM of ours is a 2.0; one that is passed through is what the host has. */
const backendLens: ElementLens<(typeof backends)[number]> = {
  get: oneOf(attributeAt("backend", "type"), backends).get,
  set(device, value) {
    if (value === undefined || backendLens.get(device) === value) return;
    remove(device, "backend");
    ensure(device, "backend").attributes = { type: value, ...(value === "emulator" && { version: "2.0" }) };
  },
};

const banksLens: ElementLens<readonly Bank[]> = {
  get(device) {
    const found = child(device, "backend/active_pcr_banks");
    return found && banks.filter((bank) => children(found, bank).length > 0);
  },
  set(device, value) {
    remove(device, "backend/active_pcr_banks");
    if (value === undefined) return;
    ensure(device, "backend/active_pcr_banks").children = value.map((bank) => element(bank));
  },
};

export const tpmRows = {
  tpm: block({
    doc: "A TPM 2.0 (`<tpm>`). Its state stays on the host for the domain's life and goes with it; one that is taken out of the program leaves it there, for the day when it is put back. Default: none.",
    rows: {
      model: attribute({
        doc: "How the guest sees it: `tpm-crb`, or `tpm-tis` for guests without UEFI (`<tpm model>`). Default tpm-crb.",
        schema: z.enum(models),
        defaults: { 1: "tpm-crb" },
        change: restart,
        lens: tpm.made(oneOf(attributeAt("", "model"), models)),
      }),
      backend: attribute({
        doc: "`emulator` (swtpm, which the host must have) or `passthrough` of the host's own TPM (`<backend type>`). Default emulator.",
        schema: z.enum(backends),
        defaults: { 1: "emulator" },
        change: restart,
        lens: tpm.at(backendLens),
      }),
      device: attribute({
        doc: "The host's TPM for backend passthrough (`<device path>`). Default: libvirt's own, /dev/tpm0.",
        schema: hostPath.optional(),
        change: restart,
        lens: tpm.at(attributeAt("backend/device", "path")),
      }),
      encryptionSecret: attribute({
        doc: "UUID of the libvirt secret (usage type vtpm) whose passphrase encrypts the emulator's state (`<encryption secret>`). Given at creation: state that is there is never encrypted afterwards. Default: none.",
        schema: uuid.optional(),
        change: encryptionChange,
        lens: tpm.at(attributeAt("backend/encryption", "secret")),
      }),
      activePcrBanks: attribute({
        doc: "Banks of the emulator that each start activates (`<active_pcr_banks>`). Default: as they are.",
        schema: z
          .array(z.enum(banks))
          .min(1)
          .transform((value): readonly Bank[] => banks.filter((bank) => value.includes(bank)))
          .optional(),
        since: "7.10",
        change: restart,
        lens: tpm.at(banksLens),
      }),
      persistentState: attribute({
        doc: "Whether the emulator's state outlives a transient domain (`persistent_state`). Default: libvirt's own, no; a defined domain keeps it anyway.",
        schema: z.boolean().optional(),
        since: "7.0",
        change: restart,
        lens: tpm.at(words(attributeAt("backend", "persistent_state"), "yes", "no")),
      }),
    },
  }),
};

/** Whether libvirt keeps state for the TPM of these inputs. */
export function hasTpmState({ tpm }: Values): boolean {
  return isPlainObject(tpm) && tpm["backend"] === "emulator";
}

/** libvirt takes the state of a TPM away with a domain that has one, and with no other. */
export function warnOfTpmState(olds: Values, news: Values, uuid: string, context: Context): void {
  if (!hasTpmState(olds) || news["tpm"] !== undefined) return;
  context.warn(
    `tpm: its state stays on the host, in /var/lib/libvirt/swtpm/${uuid}, also when the machine is deleted without a TPM: delete it by hand if nobody shall have it`,
  );
}
