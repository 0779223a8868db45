import type { StateOf } from "../../core/attribute";
import { KvmError } from "../../core/errors";
import { Identity } from "../../core/identity";
import { defineResource, type Made } from "../../core/resource";
import { element, render as renderXml } from "../../schema/tree";
import { buildSeed, type Seed } from "../../seed/cloud-init";
import { SeedError } from "../../seed/seed-error";
import { nameUsers, VolumeStore } from "../volume-store";
import { contentDigest, outputs, rows } from "./rows";

type Inputs = StateOf<typeof rows>;

/** A NoCloud medium, stored as a volume that is named by its content. */
export const cloudInitDisk = defineResource({
  type: "CloudInitDisk",
  doc: "A cloud-init medium (NoCloud). Another content is another volume: the guest's medium is swapped, then the old one goes.",
  rows,
  outputs,
  createBeforeDelete: true,

  async create(inputs, context) {
    const instanceId = instanceIdOf(inputs, new Identity(context.meta ?? lost(inputs)).uuid);
    const seed = build(inputs, instanceId);
    for (const warning of seed.warnings) context.warn(warning);
    const store = await VolumeStore.open(context, inputs.pool, `CloudInitDisk ${inputs.name}`);
    const left = await store.find(inputs.name);
    // The name says the content: a medium that a guest has already is the one that is wanted.
    if (left && (await store.users(inputs.path ?? "")).length > 0) return made(inputs, instanceId);
    if (left) await store.remove(left);
    await store.fill(await store.create(render(inputs, seed)), from(seed.iso), context, BigInt(seed.iso.length));
    return made(inputs, instanceId);
  },

  async read(_id, state, context) {
    const store = await VolumeStore.open(context, state.pool, `CloudInitDisk ${state.name}`);
    if (!(await store.find(state.name))) return undefined;
    const inputs = Object.fromEntries(Object.keys(rows).map((name) => [name, state[name as keyof Inputs]])) as Inputs;
    return { ...made(inputs, String(state.instanceId)), inputs };
  },

  async update(_id, olds, news) {
    return made(news, String(olds.instanceId));
  },

  async delete(_id, state, context) {
    const store = await VolumeStore.open(context, state.pool, `CloudInitDisk ${state.name}`);
    const found = await store.find(state.name);
    if (!found) return;
    const users = await store.users(state.path ?? "");
    if (users.length > 0) {
      throw new KvmError("conflict", {
        step: `delete CloudInitDisk ${state.name}`,
        host: store.host,
        reason: `it is in use: ${nameUsers(users)}`,
        remedy: "run pulumi up again once no guest names it",
      });
    }
    await store.remove(found);
  },
});

/** The same for the life of the guest, so that cloud-init does not start over; `reinit` lets it follow the content. */
function instanceIdOf(inputs: Inputs, uuid: string): string {
  return inputs.reinit ? `${uuid}-${contentDigest(inputs)}` : uuid;
}

function build({ userData, metaData, networkConfig, vendorData, hostname, name }: Inputs, instanceId: string): Seed {
  try {
    return buildSeed({ userData, metaData, networkConfig, vendorData, hostname, instanceId });
  } catch (error) {
    if (!(error instanceof SeedError)) throw error;
    throw new KvmError("invalid", { step: `build CloudInitDisk ${name}`, reason: error.message, cause: error });
  }
}

function render({ name }: Inputs, { iso }: Seed): string {
  const bytes = String(iso.length);
  return renderXml(
    element(
      "volume",
      {},
      element("name", {}, name),
      element("capacity", { unit: "bytes" }, bytes),
      element("allocation", { unit: "bytes" }, "0"),
      // It may hold secrets: nobody but root and QEMU reads it.
      element(
        "target",
        {},
        element("format", { type: "raw" }),
        element("permissions", {}, element("mode", {}, "0600")),
      ),
    ),
  );
}

function made(inputs: Inputs, instanceId: string): Made<typeof outputs> {
  return { id: `${inputs.pool.uuid}/${inputs.name}`, outputs: { instanceId } };
}

async function* from(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function lost({ name }: Inputs): never {
  throw new KvmError("internal", {
    step: `create CloudInitDisk ${name}`,
    reason: "the program did not say where the resource stands (__meta is missing)",
    remedy: "make it with the class CloudInitDisk of pulumi-kvm",
  });
}
