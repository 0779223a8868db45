import type { Made, Outputs, Seen, State as StateIn } from "../../core/definition";
import { equal } from "../../core/equal";
import { KvmError } from "../../core/errors";
import type { Context } from "../../core/handler";
import { inputsIn } from "../../core/resource";
import { formatBytes, parseBytes } from "../../core/units";
import { isPlainObject } from "../../core/unknown";
import { attributeAt, textAt } from "../../schema/lens";
import type { DocumentObject } from "../../schema/object";
import { readOverlay } from "../../schema/overlay";
import { child, type Element } from "../../schema/tree";
import { hasDevices } from "../pool-reference";
import { type FoundVolume, VolumeStore } from "../volume-store";
import { type Inputs, isEncrypted, type outputs, rows, wantedBytes } from "./rows";

type Outcome = Made<typeof outputs>;
type State = StateIn<typeof rows, typeof outputs>;

/** What is true of the volume now. */
export function observe(document: Element, inputs: Inputs, adopted = false): Outcome {
  const capacity = formatBytes(capacityOf(document));
  return {
    id: `${inputs.pool.uuid}/${inputs.name}`,
    outputs: { capacity, adopted },
    applied: { size: capacity, ...(inputs.overlay && { overlay: lastingIn(document, inputs.overlay, inputs.pool) }) },
  };
}

/** What of a volume is as it was made, of that which the overlay names. */
export function lastingIn(document: Element, overlay: DocumentObject, pool: Inputs["pool"]): DocumentObject {
  return lasting(readOverlay(document, overlay), pool);
}

/**
 * What an overlay says, but for what guests and libvirt change: the space taken, owners and times. Of its encryption
 * libvirt forgets all but the format when it looks at the pool anew, and in a pool of devices that too.
 */
function lasting(part: DocumentObject, { type }: Inputs["pool"]): DocumentObject {
  const { allocation: _space, physical: _file, target, ...rest } = part;
  if (!isPlainObject(target)) return rest;
  const { permissions: _owner, timestamps: _times, encryption, ...kept } = target as DocumentObject;
  const cipher = isPlainObject(encryption) ? { format: encryption["format"] } : encryption;
  const shown = cipher !== undefined && !hasDevices(type);
  return { ...rest, target: { ...kept, ...(shown && { encryption: cipher }) } } as DocumentObject;
}

/** Size that a guest sees, in bytes. */
export function capacityOf(document: Element): bigint {
  return bytesAt(document, "capacity");
}

/** Image format as libvirt sees it. An ISO image is raw to a guest, and logical volumes have no other. */
export function formatOf(document: Element): string {
  const format = attributeAt("target/format", "type").get(document) ?? "raw";
  return format === "iso" ? "raw" : format;
}

/**
 * The inputs as the host shows them. A smaller size is drift, and grows back. A larger one is no fault that could be
 * mended: nothing ever shrinks a volume, so it is told and left.
 */
export function inputsOf(state: State, { outputs, applied }: Outcome, context: Context): Inputs {
  const inputs = { ...inputsIn(rows, state), ...driftedOverlay(state, applied?.["overlay"]) };
  const capacity = String(outputs.capacity);
  const [was, is, wanted] = [state.__kvm.applied?.["size"], parseBytes(capacity), wantedBytes(state)];
  if (wanted === undefined || capacity === was) return inputs;
  if (is < wanted) return { ...inputs, size: capacity };
  if (is > wanted) context.warn(`Volume ${state.name} was grown to ${capacity} by others; size says ${state.size}`);
  return inputs;
}

/** The overlay as the volume shows it, where that is not what it was made with. */
function driftedOverlay({ overlay, pool, __kvm }: State, seen: unknown): Partial<Inputs> {
  const was = __kvm.applied?.["overlay"];
  if (!overlay || !isPlainObject(seen) || equal(seen, isPlainObject(was) ? lasting(was as DocumentObject, pool) : was))
    return {};
  const [target, seenTarget] = [overlay["target"], seen["target"]];
  const merged = isPlainObject(target) && isPlainObject(seenTarget) ? { target: { ...target, ...seenTarget } } : {};
  return { overlay: { ...overlay, ...seen, ...merged } as DocumentObject };
}

/** What keeps a volume from being the wanted one. A smaller one does not: it can grow. */
export function differences(document: Element, inputs: Inputs): string[] {
  const [capacity, wanted] = [capacityOf(document), wantedBytes(inputs)];
  const format = formatOf(document);
  const backing = textAt("backingStore/path").get(document);
  // Of devices libvirt does not tell.
  const isPlain = !hasLuks(document) && !hasDevices(inputs.pool.type);
  return [
    ...(format === inputs.format ? [] : [`its format is ${format}, not ${inputs.format}`]),
    ...(wanted !== undefined && wanted < capacity ? [`it has ${formatBytes(capacity)}, more than ${inputs.size}`] : []),
    ...(inputs.backing && backing !== inputs.backing.path
      ? [`it is based on ${backing ?? "nothing"}, not ${inputs.backing.path}`]
      : []),
    ...(isPlain && isEncrypted(inputs) ? ["it is not encrypted"] : []),
  ];
}

/** Whether libvirt sees a LUKS container in it, which a guest may have made. */
function hasLuks(document: Element): boolean {
  return child(document, "target/encryption") !== undefined;
}

/** Refuses a volume of the right name that is another one. */
export function requireSame(store: VolumeStore, document: Element, inputs: Inputs, step: "adopt" | "update"): void {
  const differing = differences(document, inputs);
  if (differing.length === 0) return;
  throw new KvmError("conflict", {
    ...store.step(step, "write the arguments as the volume is, or choose another name for a volume of your own"),
    reason: `${differing.join("; ")}; it was left untouched`,
  });
}

/** Takes over a volume that somebody else made: nothing is written, there is no place for a mark. */
export function adopt(store: VolumeStore, { document }: FoundVolume, inputs: Inputs, context: Context): Outcome {
  const made = observe(document, inputs, true);
  const [capacity, wanted] = [capacityOf(document), wantedBytes(inputs)];
  requireSame(store, document, inputs, "adopt");
  if (hasLuks(document) && !isEncrypted(inputs)) {
    context.warn(
      `Volume ${inputs.name} holds a LUKS container: name its secret in the disk (encryption), unless a guest opens it by itself; one that takes it for an empty disk writes over it`,
    );
  }
  if (wanted === undefined || wanted === capacity) return made;
  context.warn(`Volume ${inputs.name} was adopted with ${made.outputs.capacity}: pulumi up --refresh grows it`);
  // Measured against what was asked for, so that the next refresh shows the difference.
  return { ...made, applied: { size: inputs.size } };
}

/** An existing volume of the pool by name or path, for a program that refers to one that it does not manage. */
export async function lookUp(
  key: string,
  { pool, allocation }: Inputs & Outputs<typeof outputs>,
  context: Context,
): Promise<Seen<typeof rows, typeof outputs>> {
  const store = await VolumeStore.open(context, pool, `Volume ${key}`);
  const found = key.startsWith("/") ? await store.lookAt(key) : await store.look(key);
  if (!found || found.handle.pool !== pool.name) {
    throw new KvmError("not-found", {
      ...store.step("find", `virsh vol-list ${pool.name} on the host names those that exist`),
      reason: found ? `it is in pool ${found.handle.pool}` : "the pool has no volume of that name or path",
    });
  }
  const { handle, document } = found;
  const inputs = {
    pool,
    name: handle.name,
    format: formatOf(document),
    size: formatBytes(capacityOf(document)),
    path: await store.pathOf(handle),
    onReplace: "refuse",
  } as Inputs;
  const seen = observe(document, inputs);
  // A program that looks it up asks without a state, and is told anew.
  const space = allocation ?? formatBytes(bytesAt(document, "allocation"));
  return { ...seen, outputs: { ...seen.outputs, allocation: space }, id: `lookup:${key}`, inputs };
}

function bytesAt(document: Element, path: string): bigint {
  return BigInt(textAt(path).get(document) ?? 0);
}
