import { KvmError } from "../../core/errors";
import type { TypedParam } from "../../libvirt/api";
import { child, type Element } from "../../schema/tree";
import type { Domain } from "./domain";
import type { Inputs } from "./rows";

type Launch = NonNullable<Inputs["launchSecurity"]>;

/** What the host measured of the running guest. Undefined for all but sev, of which alone libvirt tells it. */
export async function measurementOf(domain: Domain, config: Element): Promise<string | undefined> {
  if (child(config, "launchSecurity")?.attributes["type"] !== "sev") return undefined;
  const found = (await domain.launchSecurityInfo()).find(({ field }) => field === "sev-measurement");
  return found && String(found.value);
}

/** A secret is made for the measurement of one start, which a guest that is still to be made cannot have had. */
export function refuseEarlySecret(inputs: Inputs): void {
  if (inputs.launchSecurity?.secret === undefined) return;
  throw new KvmError("invalid", {
    step: `create VirtualMachine ${inputs.name}`,
    host: inputs.host.uri,
    reason:
      "launchSecurity.secret is made for the measurement of a guest, and this one is still to be started; nothing was changed",
    remedy:
      'leave secret and secretHeader out and set state: "paused", make them from the output launchMeasurement, then give them',
  });
}

/** Puts a new secret into the guest, which must not have run yet. */
export async function putSecret(
  domain: Domain,
  { launchSecurity }: Pick<Inputs, "launchSecurity">,
  olds: Pick<Inputs, "launchSecurity">,
): Promise<void> {
  const { secret, secretHeader } = launchSecurity ?? {};
  if (secret === undefined || secretHeader === undefined) return;
  const before = olds.launchSecurity;
  if (before?.secret === secret && before.secretHeader === secretHeader) return;
  const power = await domain.power();
  if (power !== "paused") {
    throw new KvmError("invalid", {
      step: `put launchSecurity.secret into VirtualMachine ${domain.name}`,
      host: domain.host,
      reason: `the guest is ${power}; only one that is paused since its start takes a secret`,
      remedy:
        'set state: "stopped", then state: "paused", make the secret anew from the output launchMeasurement, then give it',
    });
  }
  await domain.setLaunchSecret(parameters(secret, secretHeader, launchSecurity?.secretAddress));
}

function parameters(secret: string, header: string, address: Launch["secretAddress"]): TypedParam[] {
  return [
    { field: "sev-secret-header", type: "string", value: header },
    { field: "sev-secret", type: "string", value: secret },
    ...(address === undefined
      ? []
      : [{ field: "sev-secret-set-address", type: "ullong", value: BigInt(address) } as const]),
  ];
}
