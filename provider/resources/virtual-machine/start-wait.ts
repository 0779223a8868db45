import type { Bookkeeping } from "../../core/definition";
import type { Context, Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Element } from "../../schema/tree";
import { type Mark, readMark } from "../ownership";
import { type Leases, noLeases, waitForAddress, waitsForAddress } from "./addresses";
import type { Domain } from "./domain";
import { setMark } from "./mark";
import type { Inputs } from "./rows";

/**
 * The wait for an address of a guest that an update starts. Whatever cuts it off, the next run goes on with it: the
 * mark on the host says that it is due, the state by which leases.
 */
export class StartWait {
  /** Leases from before the start, while the wait is due. */
  due: Leases | undefined;
  private mark: Mark | undefined;

  constructor(
    private readonly domain: Domain,
    private readonly inputs: Inputs,
    olds: Values,
    config: Element,
  ) {
    this.mark = readMark(config);
    this.due = leasesOf(olds) ?? (this.mark?.phase === "creating" ? noLeases : undefined);
  }

  /** To be called before each start. */
  async begin(leases: Leases): Promise<void> {
    if (!waitsForAddress(this.inputs)) return;
    this.due = leases;
    await this.setPhase("creating");
  }

  async end(context: Context): Promise<void> {
    if (!this.due) return;
    await waitForAddress(this.domain, this.inputs, this.due, context);
    await this.setPhase("ready");
    this.due = undefined;
  }

  private async setPhase(phase: Mark["phase"]): Promise<void> {
    if (!this.mark || this.mark.phase === phase) return;
    this.mark = { ...this.mark, phase };
    await setMark(this.domain, this.mark);
  }
}

/** What the state keeps of a wait that was cut off. */
export function memoOf(due: Leases): Values {
  return { leases: Object.fromEntries(due) };
}

function leasesOf(state: Values): Leases | undefined {
  const leases = (state["__kvm"] as Bookkeeping | undefined)?.memo?.["leases"];
  return isPlainObject(leases) ? new Map(Object.entries(leases as Readonly<Record<string, string>>)) : undefined;
}
