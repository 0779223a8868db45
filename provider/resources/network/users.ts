import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { isSameStack } from "../../core/identity";
import { child, children, type Element } from "../../schema/tree";
import { readMark } from "../ownership";
import type { NetworkCalls } from "./calls";
import type { Inputs } from "./rows";

/** Refuses to stop a network under guests that run on it. */
export async function refuseWithGuests(calls: NetworkCalls, uuid: string, inputs: Inputs): Promise<void> {
  const guests = await calls.guests(uuid);
  if (guests === 0) return;
  const users = (await calls.domains(true)).filter(({ documents }) => documents.some((one) => isOn(one, inputs.name)));
  const names = users.length === 0 ? "" : ` (${users.map(({ name }) => name).join(", ")})`;
  throw new KvmError("busy", {
    step: `stop Network ${inputs.name}`,
    host: inputs.host.uri,
    reason: `${guests} guest interface(s) are attached to it and would lose their connection${names}`,
    remedy:
      users.length > 0
        ? "stop those guests or move them to another network first (virsh domiflist shows who is where)"
        : `no guest of QEMU that runs has one: libvirt holds what it was killed over. virsh net-port-list ${inputs.name} and net-port-dumpxml show whose they were; where that guest is gone, virsh net-port-delete ${inputs.name} UUID lets go of it; then run pulumi again`,
  });
}

/**
 * Refuses to delete a network that a machine of another stack is defined on: it would not start any more. Those of the
 * own stack the engine has deleted first, or they are to stay.
 */
export async function refuseWithOtherStacks(calls: NetworkCalls, inputs: Inputs, { meta }: Context): Promise<void> {
  if (!meta) return;
  const others = (await calls.domains()).flatMap(({ name, documents }) => {
    const urn = documents.filter((one) => isOn(one, inputs.name)).map((one) => readMark(one)?.urn ?? "")[0];
    return urn && !isSameStack(urn, meta.urn) ? [`${name} (${urn})`] : [];
  });
  if (others.length === 0) return;
  throw new KvmError("busy", {
    step: `delete Network ${inputs.name}`,
    host: inputs.host.uri,
    reason: `machines of other stacks have an interface on it and could not start any more: ${others.join(", ")}; nothing was changed`,
    remedy: "delete those machines or move them to another network first",
  });
}

function isOn(domain: Element, network: string): boolean {
  const devices = child(domain, "devices");
  const nics = devices ? children(devices, "interface") : [];
  return nics.some((nic) => child(nic, "source")?.attributes["network"] === network);
}
