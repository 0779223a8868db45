import type { Row, Rows, StateOf } from "./attribute";
import { defaultsVersionOf } from "./defaults-version";
import type { AnyDefinition, Definition, Made, Output } from "./definition";
import { type Handler, PartialFailure, type Stored, type Values } from "./handler";
import { checkInputs } from "./inputs";
import { updateAround } from "./left-alone";
import { mapsIn } from "./maps";
import { changesOf, preview } from "./preview";
import { opened, stateVersion, store } from "./state";
import { whileUnderWay } from "./under-way";
import { Unfinished } from "./unfinished";

/** Derives check, diff and the bookkeeping around the operations from the rows. */
export function defineResource<R extends Rows, O extends Readonly<Record<string, Output>>>(
  definition: Definition<R, O>,
): Handler & { readonly definition: Definition<R, O> } {
  return { definition, ...handlerOf(definition) };
}

function handlerOf(definition: AnyDefinition): Handler {
  return {
    ...traitsOf(definition),
    whyItIsKept: (inputs) => definition.whyItIsKept?.(inputs),
    check: (news, olds, meta) => checkInputs(definition, news, olds, meta),
    diff: (_id, olds, news, meta) => preview(definition, olds, news, meta),
    ...operationsOf(definition),
  };
}

type Operation = "create" | "read" | "takeOver" | "update" | "delete";
type Traits = Omit<Handler, Operation | "check" | "diff" | "whyItIsKept">;

/** What holds of every object of the resource. */
function traitsOf({ type, rows, outputs, ...traits }: AnyDefinition): Traits {
  const documents = Object.entries<Row>(rows).filter(([, row]) => row.kind === "attribute" && row.document);
  const secrets = Object.entries(outputs).filter(([, output]) => output.secret);
  const repeated = Object.entries(outputs).flatMap(([name, { repeats }]) => (repeats ? [[name, repeats]] : []));
  return {
    type,
    createBeforeDelete: traits.createBeforeDelete === true,
    goesAhead: traits.goesAhead === true,
    isMarked: traits.isMarked === true,
    isDerived: traits.deleteBeforeReplace === true,
    // In a part of a document null takes away; what was applied repeats it.
    nullable: ["__kvm", ...documents.map(([name]) => name)],
    maps: mapsIn(rows),
    secretPaths: [...secretRows(rows), ...secrets.map(([name]) => name)],
    repeated: Object.fromEntries(repeated),
  };
}

/** The operations on the host, with the state before and after them. */
function operationsOf(definition: AnyDefinition): Pick<Handler, Operation> {
  /** Runs create or update; an object that is left unfinished is given its full state. */
  async function keep(inputs: Values, version: number, work: () => Promise<Made<Values>>): Promise<Stored> {
    try {
      return store(definition, inputs, await work(), version);
    } catch (error) {
      if (!(error instanceof Unfinished)) throw error;
      const { id, state } = store(definition, error.inputs ?? inputs, error.made, version);
      throw new PartialFailure(id, state, error.cause);
    }
  }

  return {
    async create(inputs, context) {
      return keep(inputs, defaultsVersionOf(inputs, undefined), () => definition.create(inputs, context));
    },

    async read(id, values, context) {
      const seen = await definition.read(id, opened(definition, values), context);
      if (!seen) return undefined;
      const version = defaultsVersionOf(values, values);
      const inputs: Values = { ...seen.inputs, defaultsVersion: version };
      return { ...store(definition, inputs, seen, version), inputs };
    },

    async takeOver(id, values, context) {
      const version = defaultsVersionOf(values, undefined);
      const bookkeeping = { stateVersion, defaultsVersion: version };
      const asOurs = opened(definition, { ...values, adopted: true, __kvm: bookkeeping });
      const seen = await definition.read(id, asOurs, context);
      return seen && store(definition, values, seen, version).state;
    },

    async update(id, olds, news, context) {
      const old = opened(definition, olds);
      const changes = changesOf(definition, olds, news);
      const version = defaultsVersionOf(news, olds);
      const work = () => updateAround(definition, id, old, news, changes, context);
      return (await whileUnderWay(context.meta?.urn, () => keep(news, version, work))).state;
    },

    async delete(id, state, context, next) {
      await whileUnderWay(context.meta?.urn, () => definition.delete(id, opened(definition, state), context, next));
    },
  };
}

/** The inputs among the values of a state. */
export function inputsIn<R extends Rows>(rows: R, state: StateOf<R>): StateOf<R> {
  return Object.fromEntries(Object.keys(rows).map((name) => [name, state[name]])) as StateOf<R>;
}

/** Property paths of the secret rows, with `*` for the names of map entries. */
function secretRows(rows: Rows, path = ""): string[] {
  return Object.entries(rows).flatMap(([name, row]: [string, Row]) => {
    const at = path === "" ? name : `${path}.${name}`;
    if (row.kind === "attribute") return row.secret ? [at] : [];
    return secretRows(row.rows, row.kind === "map" ? `${at}.*` : at);
  });
}
