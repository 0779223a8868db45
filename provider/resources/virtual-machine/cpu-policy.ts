import { attribute, z } from "../../core/attribute";
import { numberSet } from "../number-set";
import { type PlacedPlace, placedPlace } from "../placed";
import { apartGroup } from "../placement-record";

/** What the host has for it is looked up when it changes: nobody knows before what that moves. */
const replanned = () => ({ class: "live", reason: "placed anew on the host" }) as const;

export const suggestionRows = {
  suggestedPlacement: attribute<PlacedPlace | undefined>({
    doc: 'Where the guest goes if it can: `placements["db"]` of a PlacementGroup. It is looked at when the guest is placed for the first time. Default: wherever it is best by itself.',
    schema: placedPlace.optional(),
    change: "none",
  }),
};

/** What of the host's CPUs the guest wants to itself. Placement makes pins of it: see the output `placement`. */
export const cpuPolicyRows = {
  policy: attribute({
    doc: "Host CPUs for the guest: `dedicated` gives each vCPU one that no other guest owns, `mixed` those of `dedicatedVcpus`, `shared` lets them float over CPUs that nobody owns, within one cell where it fits. The host is asked for free CPUs at create and when this changes; pins, cells and pages follow (output `placement`). Default: the guest is not placed.",
    schema: z.enum(["shared", "dedicated", "mixed"]).optional(),
    change: replanned,
  }),
  dedicatedVcpus: attribute({
    doc: 'vCPUs with host CPUs of their own under policy `mixed`, as "2-7".',
    schema: numberSet.optional(),
    change: replanned,
  }),
  smt: attribute({
    doc: "Threads of a core: `whole-core` shares no core with another guest, `isolate` in addition puts one vCPU on a core, `any` takes single threads beside guests that say the same. Default whole-core.",
    schema: z.enum(["whole-core", "isolate", "any"]).optional(),
    change: replanned,
  }),
  emulator: attribute({
    doc: "CPUs of QEMU's own threads and IOThreads: `housekeeping` (the Host's `housekeepingCpus`; the guest's own where it has none), `isolate` (one more CPU of its own), `share` (those of the vCPUs). Default housekeeping.",
    schema: z.enum(["housekeeping", "isolate", "share"]).optional(),
    change: replanned,
  }),
  apart: attribute({
    doc: "Name of a group whose guests prefer cells of the host apart from each other, such as those that live on memory bandwidth. Guests of any deployment on the host that say the same name are one group. One that is placed already is not moved. Default: none.",
    schema: apartGroup.optional(),
    change: replanned,
  }),
};
