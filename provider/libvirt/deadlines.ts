import type { ProcedureArgs, ProcedureName, ProcedureResult } from "./procedures";
import type { RpcChannel } from "./rpc";

/** Seconds that a call may take before its channel is given up. libvirt cannot cancel a call; it can only be left. */
const quick = 60;
const slow = 300;
/** Of what copies or clears data, and of what has the kernel clear and pin all memory of a guest. */
const unlimited = 86_400;

const bySpeed: Readonly<Partial<Record<ProcedureName, number>>> = {
  DOMAIN_CREATE_WITH_FLAGS: unlimited,
  DOMAIN_CREATE_XML: slow,
  DOMAIN_DESTROY_FLAGS: slow,
  DOMAIN_DEFINE_XML: slow,
  DOMAIN_DEFINE_XML_FLAGS: slow,
  DOMAIN_ATTACH_DEVICE_FLAGS: unlimited,
  DOMAIN_DETACH_DEVICE_ALIAS: slow,
  DOMAIN_UPDATE_DEVICE_FLAGS: slow,
  CONNECT_GET_CAPABILITIES: slow,
  CONNECT_GET_DOMAIN_CAPABILITIES: slow,
  NODE_ALLOC_PAGES: slow,
  NETWORK_CREATE: slow,
  STORAGE_POOL_CREATE: slow,
  STORAGE_POOL_REFRESH: slow,
  STORAGE_POOL_BUILD: unlimited,
  STORAGE_VOL_CREATE_XML: unlimited,
  STORAGE_VOL_CREATE_XML_FROM: unlimited,
  STORAGE_VOL_WIPE_PATTERN: unlimited,
  STORAGE_VOL_DELETE: slow,
  STORAGE_VOL_RESIZE: slow,
  DOMAIN_MANAGED_SAVE: unlimited,
};

/** Where the call waits behind what uploads have sent over a slow link, no less than for a slow one. */
export function deadlineOf(name: ProcedureName, isBehindUploads: boolean): number {
  return Math.max(bySpeed[name] ?? quick, isBehindUploads ? slow : 0);
}

/** The reason of a channel that was given up because a call in it took too long. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/** Calls, but does not wait for ever: after so many seconds the channel is given up, because the call's slot stays taken. */
export async function callWithin<N extends ProcedureName>(
  seconds: number,
  channel: RpcChannel,
  name: N,
  args: ProcedureArgs<N>,
): Promise<ProcedureResult<N>> {
  const giveUp = () => channel.destroy(new DeadlineExceeded(`${name} was not answered within ${seconds} s`));
  const timer = setTimeout(giveUp, seconds * 1000).unref();
  try {
    return await channel.call(name, args);
  } finally {
    clearTimeout(timer);
  }
}
