import type { Readable } from "node:stream";
import type { TypedParam } from "./codec";
import type { ProcedureArgs, ProcedureName, ProcedureResult } from "./procedures";

export type { TypedParam };

export interface CallOptions {
  /** Seconds until the call is given up and its channel dropped. Default: by class of call. */
  readonly timeout?: number;
}

/** A volume as libvirt's protocol names it; libvirt resolves it by pool and name, `key` may be empty. */
export interface VolumeHandle {
  readonly pool: string;
  readonly name: string;
  readonly key: string;
}

export interface TransferOptions {
  /** Bytes from the start of the volume. Default 0. */
  readonly offset?: bigint;
  /** Bytes to transfer; 0 means to the end. Default 0. */
  readonly length?: bigint;
  /** Send holes instead of runs of zeroes. Only for volumes that this operation created: a hole does not clear old data. */
  readonly sparse?: boolean;
  /** With `sparse`: bytes at the start that are sent as they are, because the volume holds something there. Default 0. */
  readonly dense?: number;
  /** Called with the bytes (logical) done so far. */
  readonly onProgress?: (done: bigint) => void;
  readonly signal?: AbortSignal;
}

/** One domain event; `detail` and further fields depend on `kind`. */
export type DomainEvent =
  | { readonly kind: "lifecycle"; readonly uuid: string; readonly event: number; readonly detail: number }
  | { readonly kind: "device-removed"; readonly uuid: string; readonly alias: string }
  | { readonly kind: "device-removal-failed"; readonly uuid: string; readonly alias: string }
  | { readonly kind: "device-added"; readonly uuid: string; readonly alias: string }
  | { readonly kind: "agent-lifecycle"; readonly uuid: string; readonly state: number; readonly reason: number };

/**
 * An open connection to one host, as resources see it. Several channels may stand behind it;
 * `call` picks one, keeps at most four calls in flight on each, and opens another when all are busy.
 */
export interface Libvirt {
  /** Address as the user wrote it. */
  readonly uri: string;
  /** UUID that the daemon reports for the host, from its capabilities. */
  readonly hostUuid: string;
  /** Version of the daemon's libvirt, as 1000000 * major + 1000 * minor + release. */
  readonly version: number;
  /** Calls one procedure by libvirt's own name, without its REMOTE_PROC_ prefix. Throws LibvirtError or ConnectionLost. */
  call<N extends ProcedureName>(name: N, args: ProcedureArgs<N>, options?: CallOptions): Promise<ProcedureResult<N>>;
  /** Writes `source` into the volume on a channel of its own; resolves when the daemon has confirmed the end and the end is there. */
  upload(volume: VolumeHandle, source: Readable | AsyncIterable<Buffer>, options?: TransferOptions): Promise<void>;
  /** Reads the volume on a channel of its own, with back-pressure. Holes arrive as zeroes. */
  download(volume: VolumeHandle, options?: TransferOptions): Promise<Readable>;
  /** Subscribes to domain events; the returned function ends the subscription. Handlers run from a queue, never in the reader. */
  onDomainEvent(handler: (event: DomainEvent) => void): Promise<() => void>;
}
