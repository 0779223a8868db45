import type { ServerHttp2Stream } from "node:http2";
import { connect, Server, Socket } from "node:net";
import { engineAddress } from "./engine-address";

/** The engine's wish, at a first Ctrl-C, that all work ends. */
const cancelPath = "/pulumirpc.ResourceProvider/Cancel";

/**
 * Tells when the engine wants all work to end, and when it died. The process that Pulumi ships answers Cancel by itself
 * and tells no provider (3.248), so we look at the requests that its server gets. Where Node does not show us that
 * server, work goes on to its end, as with any dynamic provider. Where the engine is killed in the half second before its
 * first call, which is what loads us, the process stays: nothing of ours is in it.
 */
export function watchEngine(cancelled: () => void, died: () => void): void {
  const { _getActiveHandles } = process as { _getActiveHandles?: () => readonly unknown[] };
  const handles = _getActiveHandles?.() ?? [];
  const follow = (socket: Socket) => void socket.once("close", () => ifDead(died));
  for (const server of handles) {
    if (!(server instanceof Server)) continue;
    server.on("stream", (_stream: ServerHttp2Stream, headers: { ":path"?: string }) => {
      if (headers?.[":path"] === cancelPath) cancelled();
    });
    server.on("connection", follow);
    // The call that loads us has a connection already, and may be the only one: a long delete.
    for (const socket of handles) if (socket instanceof Socket && acceptedBy(socket) === server) follow(socket);
  }
}

/** Node notes it, and its types do not know. */
function acceptedBy(socket: Socket): unknown {
  return (socket as { server?: unknown }).server;
}

/** Milliseconds after which an engine that hung up and still answers is asked again. */
const patience = [50, 200, 750];

/**
 * An engine that hung up may be idle, at its normal end, or dead. The kernel closes the sockets of a killed process one
 * by one, and where it serves perhaps last: what still answers is asked again.
 */
function ifDead(died: () => void, [next, ...later]: readonly number[] = patience): void {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(engineAddress() ?? "") ?? [];
  if (port === "") return;
  const socket = connect(Number(port), host);
  socket.once("error", died);
  socket.once("connect", () => {
    socket.destroy();
    if (next !== undefined) setTimeout(() => ifDead(died, later), next);
  });
}
