import { TransportError } from "../transport/errors";
import { callWithin, deadlineOf } from "./deadlines";
import { ConnectionLost, errorCode, LibvirtError } from "./errors";
import type { Link } from "./link";
import type { ProcedureArgs, ProcedureName, ProcedureResult } from "./procedures";
import type { RpcChannel } from "./rpc";

/** remote_auth_type of libvirt's remote_protocol.x. */
const auth = { none: 0, sasl: 1, polkit: 2 } as const;

/** What to do where the way to the daemon is open, and the daemon says nothing or hangs up. */
const mute =
  "see on the host whether its daemon hangs or ends (systemctl status libvirtd or virtqemud, and its journal) and restart it, which leaves guests running; or whether it has all the clients that it takes (max_clients and max_anonymous_clients in /etc/libvirt/libvirtd.conf or virtqemud.conf)";

type Ask = <N extends ProcedureName>(name: N, args: ProcedureArgs<N>) => Promise<ProcedureResult<N>>;

export interface Opened {
  readonly channel: RpcChannel;
  readonly hostUuid: string;
  readonly version: number;
}

/** Speaks the opening of the protocol on a fresh channel, up to the point where other calls may be made. */
export async function handshake(channel: RpcChannel, driverUri: string, link: Link): Promise<Opened> {
  try {
    const ask: Ask = (name, args) => callWithin(deadlineOf(name, link.isBusy), channel, name, args);
    await authenticate(ask);
    await ask("CONNECT_OPEN", { name: driverUri, flags: 0 });
    const [{ libVersion }, { capabilities }] = await Promise.all([
      ask("CONNECT_GET_LIB_VERSION", {}),
      ask("CONNECT_GET_CAPABILITIES", {}),
    ]);
    const hostUuid = /<uuid>\s*([0-9a-fA-F-]{36})\s*<\/uuid>/.exec(capabilities)?.[1]?.toLowerCase() ?? "";
    return { channel, hostUuid, version: Number(libVersion) };
  } catch (error) {
    channel.destroy(new Error("it could not be opened"));
    if (!(error instanceof ConnectionLost)) throw error;
    // Where the way to it broke the daemon is not to blame. In any case nothing was asked of it yet that it could have done.
    const isWayLost = error.cause instanceof TransportError && error.cause.code === "unreachable";
    throw new ConnectionLost(error.message, false, error.cause, isWayLost ? undefined : mute);
  }
}

async function authenticate(ask: Ask): Promise<void> {
  const { types } = await ask("AUTH_LIST", {});
  if (types.length === 0 || types.includes(auth.none)) return;
  if (types.includes(auth.polkit)) {
    await ask("AUTH_POLKIT", {});
    return;
  }
  throw new LibvirtError(
    errorCode.authFailed,
    0,
    'the daemon wants SASL authentication, which pulumi-kvm does not speak: reach it over ssh, and where its unix socket wants it too set auth_unix_rw = "none" in libvirtd.conf or virtqemud.conf there, where the permissions of the socket guard it',
    "AUTH_LIST",
  );
}
