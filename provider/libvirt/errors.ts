/** Numbers of libvirt's virErrorNumber that callers tell apart. */
export const errorCode = {
  internal: 1,
  noSupport: 3,
  invalidArg: 8,
  operationFailed: 9,
  authFailed: 45,
  xmlError: 27,
  operationDenied: 29,
  systemError: 38,
  noDomain: 42,
  noNetwork: 43,
  noStoragePool: 49,
  noStorageVolume: 50,
  noNodeDevice: 53,
  operationInvalid: 55,
  noInterface: 57,
  noNwfilter: 62,
  noSecret: 66,
  configUnsupported: 67,
  operationTimeout: 68,
  noDomainSnapshot: 72,
  argumentUnsupported: 74,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  accessDenied: 88,
  storageVolumeExists: 90,
  noDomainCheckpoint: 103,
  noNetworkPort: 107,
} as const;

const notFound: ReadonlySet<number> = new Set([
  errorCode.noDomain,
  errorCode.noNetwork,
  errorCode.noStoragePool,
  errorCode.noStorageVolume,
  errorCode.noNodeDevice,
  errorCode.noInterface,
  errorCode.noNwfilter,
  errorCode.noSecret,
  errorCode.noDomainSnapshot,
  errorCode.noDomainCheckpoint,
]);

/** True for the codes by which libvirt says that the very object that was asked for does not exist. */
export function isNotFoundCode(code: number): boolean {
  return notFound.has(code);
}

/** What the daemon answered instead of a result. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";

  constructor(
    readonly code: number,
    readonly domain: number,
    message: string,
    readonly procedure: string,
  ) {
    super(message);
  }
}

/** The connection ended before a call was answered. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(
    message: string,
    /** Whether the call had left: the daemon may have carried it out all the same. */
    readonly sent: boolean,
    cause?: unknown,
    /** What to do before it can be opened again, as an imperative sentence. */
    readonly remedy?: string,
  ) {
    super(message, { cause });
  }
}

/** The address leads to another machine than before. */
export class WrongHost extends Error {
  override readonly name = "WrongHost";

  constructor(
    readonly found: string,
    readonly expected: string,
  ) {
    super(`another machine answers: its host uuid is ${found}, ${expected} was expected`);
  }
}
