import { connect, type NetConnectOpts, type Socket } from "node:net";
import { errnoOf, reasonOf, TransportError } from "./errors";

export interface ConnectContext {
  /** For messages: "root@rack1:22" or a socket path. */
  readonly host: string;
  readonly step: string;
  /** Seconds until the attempt is given up. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connects a TCP or unix socket, without Nagle's delay; throws TransportError or the signal's reason. */
export async function netConnect(target: NetConnectOpts, context: ConnectContext): Promise<Socket> {
  context.signal?.throwIfAborted();
  const socket = connect({ ...target, noDelay: true });
  try {
    await settled(socket, "connect", context);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Waits for `event` of a socket; an error, the deadline or the signal ends the wait. */
export async function settled(socket: Socket, event: string, context: ConnectContext): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer);
      socket.off(event, onEvent).off("close", onClose);
      context.signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onEvent = () => finish(resolve);
    const onError = (error: unknown) => finish(() => reject(connectError(error, context)));
    const onClose = () => onError(new Error("the connection was closed by the other side"));
    const onAbort = () => finish(() => reject(context.signal?.reason));
    const timer = setTimeout(() => onError({ code: "ETIMEDOUT" }), context.timeout * 1000);
    // The error listener stays for good: a socket may fail again after the first error, which would end the process.
    socket.on("error", onError).once(event, onEvent).once("close", onClose);
    context.signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function connectError(error: unknown, { host, step, timeout }: ConnectContext): TransportError {
  const details = { step, host, cause: error };
  switch (errnoOf(error)) {
    case "ECONNREFUSED":
      return new TransportError("refused", {
        ...details,
        reason: "connection refused: nothing listens there",
        remedy: "check that the service is running there, and the address.",
      });
    case "ETIMEDOUT":
      return new TransportError("timeout", {
        ...details,
        reason: `no answer within ${timeout} s`,
        remedy: "check that the host is up, the address, and firewalls in between.",
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new TransportError("unreachable", {
        ...details,
        reason: `the name cannot be resolved (${reasonOf(error)})`,
        remedy: "check the spelling of the host name and the name server.",
      });
    default:
      return new TransportError("unreachable", { ...details, reason: reasonOf(error) });
  }
}
