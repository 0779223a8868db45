import { openConnection } from "../../provider/adapters/client";
import type { Connection } from "../../provider/libvirt/connection";
import { create, describeHost, destroy, update, updateLive } from "./bare";

/**
 * The least that any provider does: the bare calls, without a check, a plan or a state of its own. What a deployment
 * with it takes is what the engine, Pulumi's provider process and our client take together.
 */
interface Args {
  readonly uri: string;
  readonly uuid: string;
  readonly title: string;
  /** A guest that others made and that runs. */
  readonly isRunning: boolean;
}

let opening: Promise<Connection> | undefined;
const connection = (uri: string) => {
  opening ??= openConnection({ uri });
  return opening;
};

const common = {
  check: async (_olds: Args, news: Args) => ({ inputs: news }),
  diff: async (_id: string, olds: Args, news: Args) => ({ changes: olds.title !== news.title }),
};

export const Host = {
  ...common,
  async create(inputs: Args) {
    const libvirt = await connection(inputs.uri);
    await describeHost(libvirt);
    return { id: "host", outs: { ...inputs, uuid: libvirt.hostUuid } };
  },
  delete: async () => undefined,
};

export const VirtualMachine = {
  ...common,
  async create(inputs: Args) {
    if (!inputs.isRunning) await create(await connection(inputs.uri), inputs.uuid, inputs.title);
    return { id: inputs.uuid, outs: inputs };
  },
  async update(_id: string, _olds: Args, news: Args) {
    await (news.isRunning ? updateLive : update)(await connection(news.uri), news.uuid, news.title);
    return { outs: news };
  },
  async delete(_id: string, { uri, uuid, isRunning }: Args) {
    if (!isRunning) await destroy(await connection(uri), uuid);
  },
};

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(0));
