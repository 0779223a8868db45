import { createRequire } from "node:module";
import type { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import { engineAddress } from "./engine-address";

/** Severities of the engine's log service. */
const severities = { debug: 0, info: 1, warning: 2, error: 3 } as const;
export type Severity = keyof typeof severities;

/** How long an operation lasts before its row says what it does, in milliseconds: most are over before anybody could read it. */
const patience = 300;
/** Least time between two status lines of one resource, in milliseconds. */
const interval = 1000;

/** The newest status of one resource, and when it was or will be shown. */
interface Status {
  message: string;
  shownAt: number;
  timer?: NodeJS.Timeout | undefined;
}

/**
 * Writes to the resource's own row and diagnostics. A dynamic provider is given no connection to the engine, so we
 * make one. Where that fails, the lines are lost, never the work.
 */
class EngineLog {
  private readonly statuses = new Map<string, Status>();
  private client: { engine: EngineClient; request: typeof LogRequest } | undefined | null;

  /** Live text in the row of `urn`: the newest, at most one a second. */
  status(urn: string, message: string): void {
    const status: Status = this.statuses.get(urn) ?? { message, shownAt: Number.NEGATIVE_INFINITY };
    this.statuses.set(urn, status);
    status.message = message;
    status.timer ??= setTimeout(
      () => {
        status.timer = undefined;
        status.shownAt = performance.now();
        this.note(urn, status.message);
      },
      Math.max(patience, status.shownAt + interval - performance.now()),
    ).unref();
  }

  /** Nothing goes on with `urn` any more. */
  settled(urn: string): void {
    clearTimeout(this.statuses.get(urn)?.timer);
    this.statuses.delete(urn);
  }

  /** Text in the row of `urn`, at once and until there is another. */
  note(urn: string, message: string): void {
    this.send(urn, "info", message, true);
  }

  /** A line that stays under the resource. */
  line(urn: string, severity: Severity, message: string): void {
    this.send(urn, severity, message, false);
  }

  private send(urn: string, severity: Severity, message: string, ephemeral: boolean): void {
    // Null says that there is none, now and later.
    if (this.client === undefined) this.client = connectToEngine();
    if (!this.client) return;
    const request = new this.client.request();
    request.setSeverity(severities[severity]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    // A lost status line is no reason to fail the work that it reports.
    this.client.engine.log(request, () => undefined);
  }
}

function connectToEngine(): { engine: EngineClient; request: typeof LogRequest } | null {
  const address = engineAddress();
  if (address === undefined) return null;
  const pulumi = createRequire(require.resolve("@pulumi/pulumi"));
  const grpc: typeof import("@grpc/grpc-js") = pulumi("@grpc/grpc-js");
  const services: typeof import("@pulumi/pulumi/proto/engine_grpc_pb") = pulumi("@pulumi/pulumi/proto/engine_grpc_pb");
  const messages: typeof import("@pulumi/pulumi/proto/engine_pb") = pulumi("@pulumi/pulumi/proto/engine_pb");
  const engine = new services.EngineClient(address, grpc.credentials.createInsecure());
  return { engine, request: messages.LogRequest };
}

/** The one connection of this process to the engine. */
export const engineLog = new EngineLog();
