import type { Values } from "../../provider/core/handler";
import type { LabHost } from "./host";
import { type Lab, type Root, startLab } from "./lab";
import { clearAway, Machine } from "./machines";

/** A lab for the tests of one file, with machines on its host. */
export interface MachineLab {
  readonly host: LabHost;
  /** A machine that is not made yet; arguments of `more` win over those that all of the file have. */
  machine(name: string, more?: Values): Machine;
}

/**
 * Starts a lab ahead of the tests of the file that calls it, and ends it after them. `alone`: each test has the host to
 * itself, what it left there is taken away. `root`: whose libvirt it has, as of `startLab`.
 */
export function machineLab(
  base: Values,
  { alone = false, root }: { readonly alone?: boolean; readonly root?: Root } = {},
): MachineLab {
  let lab: Lab | undefined;
  const machines: Machine[] = [];
  const host = () => {
    if (!lab) throw new Error("there is no lab ahead of the tests");
    return lab.host;
  };

  beforeAll(async () => {
    lab = await startLab({ root });
  }, 60_000);

  afterAll(async () => {
    await Promise.all(machines.map(({ context }) => context.close()));
    await lab?.stop();
  }, 60_000);

  if (alone) afterEach(() => clearAway(machines));

  return {
    get host() {
      return host();
    },
    machine(name, more = {}) {
      const made = new Machine(host(), name, { ...base, ...more });
      machines.push(made);
      return made;
    },
  };
}
