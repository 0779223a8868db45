import { attribute, type Verdict, z } from "../../core/attribute";
import { duration } from "../../core/quantities";
import { isPlainObject } from "../../core/unknown";
import { adoptionRows } from "../adoption";

/** A setting that only the provider reads: it is saved, and nothing is written to the host. */
const settingOnly = (): Verdict => ({ class: "live", reason: "a setting of the provider" });

const addressWait = z.strictObject({
  nic: z.string().optional(),
  source: z.enum(["lease", "agent", "arp", "any"]).default("any"),
  family: z.enum(["ipv4", "ipv6", "any"]).default("any"),
  timeout: duration.default("5 min"),
  required: z.boolean().default(false),
});
export type AddressWait = z.infer<typeof addressWait>;

export const lifecycleRows = {
  autostart: attribute({
    doc: "Whether libvirt starts it when the host boots. Default true.",
    schema: z.boolean(),
    defaults: { 1: true },
    change: "live",
  }),
  state: attribute({
    doc: "Power state that each update enforces: `running`, `stopped` or `paused`. Default running.",
    schema: z.enum(["running", "stopped", "paused"]),
    defaults: { 1: "running" },
    change: "live",
  }),
  stopTimeout: attribute({
    doc: "How long the guest has to shut down. Default 60 s.",
    schema: duration,
    defaults: { 1: "1 min" },
    change: settingOnly,
  }),
  onStopTimeout: attribute({
    doc: "What to do with a guest that has not shut down in time: `destroy` pulls its plug, `fail` leaves it running. Default destroy.",
    schema: z.enum(["destroy", "fail"]),
    defaults: { 1: "destroy" },
    change: settingOnly,
  }),
  waitForAddress: attribute({
    doc: "What to wait for after a start: an address of `nic` (default: any), seen by `source` and of `family`, for at most `timeout` (default 5 min); a time-out is a warning unless `required`. false: no wait. Default: wait when it has a nic on a network.",
    schema: z.union([z.literal(false), addressWait]),
    defaults: {
      1: ({ inputs }) => (hasNetwork(inputs["nics"]) ? addressWait.parse({}) : false),
    },
    change: settingOnly,
  }),
  changePolicy: attribute({
    doc: "What becomes of a change that needs a new start of the guest: `stage` writes it and leaves the guest running, `restart` restarts it, `refuse` is an error. Default stage.",
    schema: z.enum(["stage", "restart", "refuse"]),
    defaults: { 1: "stage" },
    change: settingOnly,
  }),
  deletionProtection: attribute({
    doc: "Refuses to delete it. Default false.",
    schema: z.boolean(),
    defaults: { 1: false },
    change: settingOnly,
  }),
  deleteSnapshots: attribute({
    doc: "Whether deleting it takes along what libvirt knows of its snapshots and checkpoints; without it they refuse the deletion. Default false.",
    schema: z.boolean(),
    defaults: { 1: false },
    change: settingOnly,
  }),
  ...adoptionRows,
};

function hasNetwork(nics: unknown): boolean {
  return isPlainObject(nics) && Object.values(nics).some((nic) => isPlainObject(nic) && nic["network"] !== undefined);
}
