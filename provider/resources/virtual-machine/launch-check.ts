import { KvmError } from "../../core/errors";
import type { Libvirt } from "../../libvirt/api";
import { parseAnswer } from "../../schema/answer";
import { child, type Element, textOf } from "../../schema/tree";
import { launchSecurityIn } from "../domain-capabilities";
import { attempt } from "../failure";
import { otherDomains } from "../other-domains";
import { encryptionHardware, launchTypes } from "./launch-security";
import type { Inputs } from "./rows";

/**
 * Refuses encrypted memory that the host does not have, or has no room for. Reads only; `own` is the uuid of the
 * domain on the host.
 */
export async function requireLaunchSecurity(libvirt: Libvirt, inputs: Inputs, own = inputs.uuid): Promise<void> {
  const launch = inputs.launchSecurity;
  if (!launch) return;
  const { type } = launch;
  const [host, step] = [inputs.host.uri, `encrypt VirtualMachine ${inputs.name} by ${type}`];
  const { capabilities } = await attempt({ step, host }, () =>
    libvirt.call("CONNECT_GET_DOMAIN_CAPABILITIES", {
      emulatorbin: undefined,
      arch: "x86_64",
      machine: inputs.machine,
      virttype: inputs.virtType,
      flags: 0,
    }),
  );
  const offered = parseAnswer(capabilities);
  if (!launchSecurityIn(offered).includes(type)) {
    throw new KvmError("unsupported", {
      step,
      host,
      reason: `launchSecurity.type: the host's domain capabilities (${inputs.machine}, ${inputs.virtType}) do not offer ${type}; nothing was changed`,
      remedy: `it takes ${encryptionHardware[type]}; leave launchSecurity out, or choose a host that has it`,
    });
  }
  await requirePlace(libvirt, { step, host, own }, placeOf(type, launch.policy), offered);
}

/** Guests of SEV-ES and SEV-SNP share one set of keys, those of plain SEV another. */
type Place = "maxGuests" | "maxESGuests";

function placeOf(type: string, policy: string | undefined): Place | undefined {
  if (type === "sev") return (BigInt(policy ?? "0") & 4n) === 0n ? "maxGuests" : "maxESGuests";
  return type === "sev-snp" ? "maxESGuests" : undefined;
}

async function requirePlace(
  libvirt: Libvirt,
  { step, host, own }: { readonly step: string; readonly host: string; readonly own: string },
  place: Place | undefined,
  capabilities: Element,
): Promise<void> {
  const most = place && child(capabilities, `features/sev/${place}`);
  if (!most) return;
  const running = await otherDomains(libvirt, host, own, true);
  const holders = running.filter(({ documents }) => documents.some((document) => placeTaken(document) === place));
  const room = Number(textOf(most));
  if (holders.length < room) return;
  const names = holders.map(({ name }) => name).join(", ");
  throw new KvmError("busy", {
    step,
    host,
    reason: `launchSecurity: the host runs ${holders.length} such guests${names && ` (${names})`} and has room for ${room} (${place}); nothing was changed`,
    remedy:
      "stop one of them, choose another host, or share out the keys anew in its firmware (SEV-ES ASID space limit)",
  });
}

function placeTaken(document: Element): Place | undefined {
  const launch = child(document, "launchSecurity");
  const type = launchTypes.find((item) => item === launch?.attributes["type"]);
  const policy = launch && child(launch, "policy");
  return type && placeOf(type, policy && hexText(textOf(policy)));
}

/** libvirt takes numbers with and without a prefix. */
function hexText(text: string): string {
  return text.startsWith("0x") ? text : `0x${text}`;
}
