import type { Change } from "../../core/diff";
import { KvmError } from "../../core/errors";
import type { Values } from "../../core/handler";
import { defineResource, inputsIn } from "../../core/resource";
import { isPlainObject } from "../../core/unknown";
import { withDrift } from "../document";
import { isUuid, lookupKey } from "../look-up";
import { nameDevices } from "./adopted";
import { mendsOf } from "./behind";
import { refuseAnew, refusedRestart, refuseRename, restartsOf } from "./change-policy";
import { isPin } from "./cpu-tuning";
import { create } from "./create";
import { remove } from "./delete";
import { describe } from "./describe";
import { Domain } from "./domain";
import { judged } from "./judge";
import { removeMediated } from "./mediated-devices";
import { observe, outputs } from "./outputs";
import { effective, effectiveAfter, isPlaced, mayMove, withoutPlaced } from "./placement";
import { plights } from "./power-state";
import { machinePresets } from "./profiles";
import { type Inputs, rows } from "./rows";
import { rules } from "./rules";
import { isAsAdoptedIn } from "./run-note";
import { update } from "./update";

/** What becomes of what only the host's answer shows to need a new start. */
const thenDone = {
  stage: "that waits for the next start of the guest",
  restart: "the guest is restarted",
  refuse: "the update is refused",
} as const;

/** A libvirt domain. Its disks are volumes of their own, which no change or deletion of it touches. */
export const virtualMachine = defineResource({
  type: "VirtualMachine",
  doc: "A virtual machine. Its disks are volumes of their own: nothing that happens to it touches them.",
  rows,
  outputs,
  rules,
  deleteBeforeReplace: true,
  isMarked: true,

  presets: { by: ["profile", "guest"], of: machinePresets },

  effective: (inputs, known, olds) => (olds ? effectiveAfter(inputs, olds) : effective(inputs, known)),

  judge: judged,

  guard(changes, olds, news) {
    if (changes.some(({ property, class: kind }) => property === "host" && kind === "replace")) {
      throw new KvmError("unsupported", {
        step: `move VirtualMachine ${olds.name} to another host`,
        host: olds.host.uri,
        reason: `its host is now ${news.host.uri}, another machine; moving a guest is a migration, which this version does not do, and making it anew there would lose what it holds`,
        remedy: "put the old host back; to start over on the new one, give the resource another name",
      });
    }
    const isReplaced = changes.some(({ class: kind }) => kind === "replace");
    refuseAnew(changes, olds);
    if (olds.state !== "stopped" && !isReplaced) refuseRename(olds.name, news);
    const restarts = restartsOf(changes);
    if (news.changePolicy === "refuse" && olds.state !== "stopped" && restarts.length > 0) {
      throw refusedRestart(olds.name, olds.host.uri, restarts);
    }
  },

  remark({ class: kind }, { state }, { changePolicy }) {
    if (kind !== "restart") return undefined;
    return state === "stopped" ? "the guest is off" : `policy ${changePolicy}`;
  },

  announce(changes, olds, news) {
    const isRunning = ![olds.state, news.state].includes("stopped");
    const isOpen = isRunning && isPlaced(news) && changes.some(mayMove) && restartsOf(changes).length === 0;
    return [
      ...(isAsAdoptedIn(olds)
        ? ["it was adopted as it is: its next change does this too, as does pulumi up --refresh"]
        : []),
      ...(isOpen
        ? [`where its new place has another topology, other NUMA cells or pages, ${thenDone[news.changePolicy]}`]
        : []),
    ];
  },

  behind: mendsOf,

  create,
  update,

  async read(id, state, context) {
    const libvirt = await context.connect(state.host);
    const key = lookupKey(id);
    if (key !== undefined) return lookup(key, state.host, () => findBy(key));
    const domain = await Domain.byUuid(libvirt, state.host.uri, id);
    if (!domain) return undefined;
    const inputs = inputsIn(rows, state);
    nameDevices(domain, state, inputs);
    const wanted = effective(inputs, state);
    const ignored = context.meta?.ignoreChanges;
    const [seenNow, isPersistent] = await Promise.all([
      observe(domain, inputs, state, { looksAtPorts: true, ignored }),
      domain.isPersistent(),
    ]);
    const { made, waiting, behind, power, plight, autostart } = seenNow;
    if (plight) context.warn(plights[plight]);
    const drifted = withDrift(rows, wanted, state.__kvm.applied ?? {}, made.applied ?? {});
    const seen = withoutPlaced(withLivePins(drifted, waiting, behind), wanted, inputs);
    const memo = isPersistent ? made.memo : { ...made.memo, isUndefined: true };
    return { ...made, ...(memo && { memo }), inputs: { ...seen, state: power, autostart } as unknown as Inputs };

    function findBy(wanted: string): Promise<Domain | undefined> {
      const find = isUuid(wanted) ? Domain.byUuid : Domain.byName;
      return find(libvirt, state.host.uri, wanted);
    }
  },

  async delete(id, state, context, next) {
    const libvirt = await context.connect(state.host);
    if ((await remove(Domain.at(libvirt, state.host.uri, id, state.name), state, context, next)) === "left") return;
    await removeMediated(libvirt, state, undefined);
  },
});

/**
 * With the pins that the running guest has: somebody moved it, and did not say so in its definition. Pins that wait
 * for memory which moves at the next start are no drift.
 */
function withLivePins(seen: Values, waiting: readonly Change[], behind: readonly Change[]): Values {
  if (waiting.some(({ path }) => path[0] === "numaTune")) return seen;
  const moved = behind.filter(isPin);
  if (moved.length === 0) return seen;
  const tune = { ...(isPlainObject(seen["cpuTune"]) ? seen["cpuTune"] : {}) };
  for (const { path, old } of moved) tune[path[1] ?? ""] = old;
  return { ...seen, cpuTune: tune };
}

/** An existing domain, for a program that refers to one that it does not manage. */
async function lookup(key: string, host: Inputs["host"], find: () => Promise<Domain | undefined>) {
  const domain = await find();
  if (!domain) {
    throw new KvmError("not-found", {
      step: `find VirtualMachine ${key}`,
      host: host.uri,
      reason: "the host has no domain of that name or uuid",
      remedy: "check the name with `virsh list --all` on the host",
    });
  }
  const { values } = describe(await domain.inactive());
  nameDevices(domain, { adopted: true }, values);
  const inputs = { ...values, host, disks: values["disks"] ?? {}, nics: values["nics"] ?? {}, waitForAddress: false };
  const { made, power, autostart } = await observe(domain, inputs as unknown as Inputs, {});
  return { ...made, inputs: { ...inputs, state: power, autostart } as unknown as Inputs };
}
