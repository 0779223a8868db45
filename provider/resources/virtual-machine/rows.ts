import type { StateOf } from "../../core/attribute";
import { overlayRows } from "../overlay";
import { clockRows } from "./clock";
import { cpuOperations, cpuRows } from "./cpu";
import { cpuTuningOperations, cpuTuningRows } from "./cpu-tuning";
import { deviceRows } from "./devices";
import { scsiOperations, scsiRows } from "./disk-controllers";
import { throttleGroupRows } from "./disk-limits";
import { weightOperations, weightRows } from "./disk-weights";
import { diskOperations, diskRows } from "./disks";
import { filesystemOperations, filesystemRows } from "./filesystems";
import { firmwareRows } from "./firmware";
import { generalOperations, generalRows } from "./general";
import { hypervisorRows } from "./hypervisor-features";
import { iothreadOperations, iothreadRows } from "./iothreads";
import { lifecycleRows } from "./lifecycle";
import type { LiveOperations } from "./live";
import { memoryOperations, memoryRows } from "./memory";
import { nicOperations, nicRows } from "./nics";

/** Every attribute of a virtual machine. */
export const rows = {
  ...generalRows,
  ...cpuRows,
  ...memoryRows,
  ...firmwareRows,
  ...iothreadRows,
  ...cpuTuningRows,
  ...hypervisorRows,
  ...clockRows,
  ...throttleGroupRows,
  ...scsiRows,
  ...diskRows,
  ...weightRows,
  ...filesystemRows,
  ...nicRows,
  ...deviceRows,
  ...lifecycleRows,
  ...overlayRows("domain"),
};

export type Inputs = StateOf<typeof rows>;

/** What can be done to the running guest, by the row that it belongs to. */
export const operations: LiveOperations = {
  ...generalOperations,
  ...cpuOperations,
  ...memoryOperations,
  ...iothreadOperations,
  ...cpuTuningOperations,
  ...diskOperations,
  ...scsiOperations,
  ...weightOperations,
  ...filesystemOperations,
  ...nicOperations,
};
