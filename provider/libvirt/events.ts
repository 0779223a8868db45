import type { DomainEvent } from "./api";
import { int, string, struct } from "./codec";
import { domain } from "./procedures/define";
import { XdrReader } from "./xdr";

const lifecycle = struct({ callbackID: int, dom: domain, event: int, detail: int });
const device = struct({ callbackID: int, dom: domain, devAlias: string });
const agent = struct({ callbackID: int, dom: domain, state: int, reason: int });

/** VIR_DOMAIN_EVENT_ID_* of the events that we subscribe to. */
export const domainEventIds = {
  lifecycle: 0,
  deviceRemoved: 15,
  agentLifecycle: 18,
  deviceAdded: 19,
  deviceRemovalFailed: 22,
} as const;

/** The event that a message with this procedure number carries; undefined for kinds that nobody asked for. */
export function decodeEvent(procedure: number, payload: Buffer): DomainEvent | undefined {
  const reader = new XdrReader(payload);
  switch (procedure) {
    case 318: {
      const { dom, event, detail } = lifecycle.read(reader);
      return { kind: "lifecycle", uuid: dom.uuid, event, detail };
    }
    case 333: {
      const { dom, devAlias } = device.read(reader);
      return { kind: "device-removed", uuid: dom.uuid, alias: devAlias };
    }
    case 354: {
      const { dom, devAlias } = device.read(reader);
      return { kind: "device-added", uuid: dom.uuid, alias: devAlias };
    }
    case 367: {
      const { dom, devAlias } = device.read(reader);
      return { kind: "device-removal-failed", uuid: dom.uuid, alias: devAlias };
    }
    case 348: {
      const { dom, state, reason } = agent.read(reader);
      return { kind: "agent-lifecycle", uuid: dom.uuid, state, reason };
    }
    default:
      return undefined;
  }
}
