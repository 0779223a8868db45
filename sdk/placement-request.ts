import type * as pulumi from "@pulumi/pulumi";
import type { VirtualMachineArgs } from "./virtual-machine";

/** A virtual machine to be planned: the arguments that it has itself, of which those count that its place depends on. */
export interface PlacementRequest extends Omit<VirtualMachineArgs, "host"> {
  /** Names no resource: a request may be the arguments of the machine as they are. */
  readonly host?: VirtualMachineArgs["host"];
  /** PCI devices of the host beside those of `hostDevices`, and what the host does not tell of any. */
  readonly devices?: pulumi.Input<
    readonly pulumi.Input<{
      /** As in node devices, such as "0000:3b:00.0". */
      readonly address: pulumi.Input<string>;
      /** Cell of the host that it hangs on. Default: as the host says. */
      readonly cell?: pulumi.Input<number>;
      /** Default: as the host says. */
      readonly iommuGroup?: pulumi.Input<number>;
      /** Default: that of `hostDevices`, else `preferred`. */
      readonly locality?: pulumi.Input<"required" | "preferred" | "none">;
    }>[]
  >;
  /** Takes one of the host's keys for encrypted guests: short for `launchSecurity`. Default: false. */
  readonly confidential?: pulumi.Input<boolean>;
}
