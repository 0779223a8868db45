import type { StateOf } from "../../core/attribute";
import { overlayRows } from "../overlay";
import { balloonOperations, balloonRows } from "./balloon";
import { bootRows } from "./boot";
import { clockRows } from "./clock";
import { cpuOperations, cpuRows } from "./cpu";
import { suggestionRows } from "./cpu-policy";
import { cpuTuningOperations, cpuTuningRows } from "./cpu-tuning";
import { deviceOperations, deviceRows } from "./devices";
import { scsiOperations, scsiRows } from "./disk-controllers";
import { throttleGroupRows } from "./disk-limits";
import { weightOperations, weightRows } from "./disk-weights";
import { diskOperations, diskRows } from "./disks";
import { filesystemOperations, filesystemRows } from "./filesystems";
import { firmwareRows } from "./firmware";
import { generalOperations, generalRows } from "./general";
import { graphicsOperations, graphicsRows } from "./graphics";
import { hostdevOperations, hostdevRows } from "./hostdevs";
import { hypervisorRows } from "./hypervisor-features";
import { inputOperations, inputRows } from "./input";
import { iommuRows } from "./iommu";
import { iothreadOperations, iothreadRows } from "./iothreads";
import { launchRows } from "./launch-security";
import { lifecycleRows } from "./lifecycle";
import { lifecycleActionOperations, lifecycleActionRows } from "./lifecycle-actions";
import type { LiveOperations } from "./live";
import { memoryOperations, memoryRows } from "./memory";
import { memoryBackingOperations, memoryBackingRows } from "./memory-backing";
import { memoryDeviceRows } from "./memory-devices";
import { memoryDeviceOperations } from "./memory-resize";
import { nicOperations, nicRows } from "./nics";
import { numaOperations, numaRows } from "./numa";
import { panicRows } from "./panic";
import { profileRows } from "./profiles";
import { redirdevOperations, redirdevRows } from "./redirdevs";
import { rngOperations, rngRows } from "./rng";
import { securityRows } from "./security";
import { serialOperations, serialRows } from "./serials";
import { shmemOperations, shmemRows } from "./shmem";
import { soundRows } from "./sound";
import { sysinfoOperations, sysinfoRows } from "./sysinfo";
import { tpmRows } from "./tpm";
import { usbRows } from "./usb";
import { videoRows } from "./video";
import { vsockOperations, vsockRows } from "./vsock";
import { watchdogOperations, watchdogRows } from "./watchdog";

/** Every attribute of a virtual machine. */
export const rows = {
  ...generalRows,
  ...profileRows,
  ...suggestionRows,
  ...cpuRows,
  ...memoryDeviceRows,
  ...memoryRows,
  ...memoryBackingRows,
  ...balloonRows,
  ...numaRows,
  ...firmwareRows,
  ...bootRows,
  ...sysinfoRows,
  ...launchRows,
  ...securityRows,
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
  ...hostdevRows,
  ...deviceRows,
  ...rngRows,
  ...tpmRows,
  ...watchdogRows,
  ...vsockRows,
  ...panicRows,
  ...serialRows,
  ...graphicsRows,
  ...videoRows,
  ...inputRows,
  ...soundRows,
  ...usbRows,
  ...shmemRows,
  ...redirdevRows,
  ...iommuRows,
  ...lifecycleActionRows,
  ...lifecycleRows,
  ...overlayRows("domain"),
};

export type Inputs = StateOf<typeof rows>;

/** What can be done to the running guest, by the row that it belongs to. */
export const operations: LiveOperations = {
  ...generalOperations,
  ...cpuOperations,
  ...memoryDeviceOperations,
  ...memoryOperations,
  ...memoryBackingOperations,
  ...balloonOperations,
  ...numaOperations,
  ...iothreadOperations,
  ...cpuTuningOperations,
  ...diskOperations,
  ...scsiOperations,
  ...weightOperations,
  ...filesystemOperations,
  ...nicOperations,
  ...hostdevOperations,
  ...deviceOperations,
  ...serialOperations,
  ...graphicsOperations,
  ...rngOperations,
  ...watchdogOperations,
  ...vsockOperations,
  ...inputOperations,
  ...shmemOperations,
  ...redirdevOperations,
  ...sysinfoOperations,
  ...lifecycleActionOperations,
};
