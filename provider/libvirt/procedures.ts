import type { TypeOf } from "./codec";
import type { Procedure } from "./procedures/define";
import { domainProcedures } from "./procedures/domain";
import { hostProcedures } from "./procedures/host";
import { jobProcedures } from "./procedures/jobs";
import { networkProcedures } from "./procedures/network";
import { storageProcedures } from "./procedures/storage";

/**
 * The procedures that are called, by libvirt's own name without REMOTE_PROC_. A test compares them with the protocol
 * files.
 */
export const procedures = {
  ...hostProcedures,
  ...domainProcedures,
  ...networkProcedures,
  ...storageProcedures,
  ...jobProcedures,
};

export type ProcedureName = keyof typeof procedures;
export type ProcedureArgs<N extends ProcedureName> = TypeOf<(typeof procedures)[N]["args"]>;
export type ProcedureResult<N extends ProcedureName> = TypeOf<(typeof procedures)[N]["result"]>;

/** A row without its types. */
export function procedure(name: ProcedureName): Procedure<unknown, unknown> {
  return procedures[name];
}

/** libvirt resolves domains, networks and pools by uuid alone; any name and id do. */
export const domainHandle = (uuid: string) => ({ name: "", uuid, id: -1 });
export const networkHandle = (uuid: string) => ({ name: "", uuid });
export const poolHandle = (uuid: string) => ({ name: "", uuid });
