import { KvmError, messageOf } from "../core/errors";
import { type Context, type DiffResult, type Handler, type Meta, PartialFailure, type Values } from "../core/handler";
import { isSameStack } from "../core/identity";
import { withEmpty } from "../core/maps";
import { namesIn } from "../core/paths";
import { isAsked, noteAsked } from "../core/under-way";
import { hasUnknown, withoutUnknown, withUnknown } from "../core/unknown";
import { TransportError } from "../transport/errors";
import { engineLog } from "./engine-log";
import { toldFaults } from "./faults";
import { Hosts } from "./hosts";
import { Identities } from "./identities";
import { readMeta } from "./meta";
import { Operations } from "./operations";
import { hideIn, newSecrets, secretHider, type Told } from "./secret-texts";
import { fromWire, readNotes, sealState } from "./wire";

/** Names that Pulumi or our classes add to the arguments; handlers never see them. */
const hiddenKeys = ["__provider", "__meta"] as const;

/**
 * Whether this process serves a preview, which the engine does not tell. The classes say so in an argument that ends
 * here: in the inputs it would be a difference between a preview and the update that follows.
 */
let isPreview = false;

const hosts = new Hosts();
const identities = new Identities();
const operations = new Operations(() => hosts.close());

/** What `@pulumi/pulumi`'s dynamic provider process calls. */
export interface DynamicProvider {
  configure(request: { config: { get(key: string): unknown } }): Promise<void>;
  check(olds: Values, news: Values): Promise<{ inputs: Values; failures: { property: string; reason: string }[] }>;
  diff(
    id: string,
    olds: Values,
    news: Values,
  ): Promise<{ changes?: boolean; replaces: string[]; deleteBeforeReplace: boolean }>;
  create(inputs: Values): Promise<{ id: string; outs: Values }>;
  read(id: string, props: Values): Promise<{ id?: string; props?: Values; inputs?: Values }>;
  update(id: string, olds: Values, news: Values): Promise<{ outs: Values }>;
  delete(id: string, props: Values): Promise<void>;
}

/** One handler in the face that a dynamic provider must show. */
export function dynamicProvider(handler: Handler): DynamicProvider {
  return {
    async configure({ config }) {
      operations.listen();
      hosts.configure(config);
    },

    async check(olds, news) {
      isPreview = news["__preview"] === true;
      const { meta, values } = split(handler, news);
      const known = Object.keys(olds).length === 0 ? undefined : split(handler, olds).values;
      if (meta) {
        noteAsked(meta.urn);
        identities.begin(meta, known === undefined);
      }
      const { inputs, failures } = await plainly(() => handler.check(values, known, meta));
      const taken = meta ? identities.claim(handler.type, inputs, meta.urn) : [];
      // Outside of previews the engine takes nothing that is not known: it would complain of that, and not tell the faults.
      const isTaken = !meta?.unknownPaths && failures.length === 0;
      const given = isTaken ? inputs : (withoutUnknown(inputs) as Values);
      const faults = toldFaults([...failures, ...taken], secretHider(handler, { values, meta }));
      return { inputs: close(handler, given, news, meta), failures: faults };
    },

    async diff(id, olds, news) {
      const { meta, values } = split(handler, news);
      const before = split(handler, olds);
      identities.adopt(handler.type, id, before.values, meta?.urn);
      const hide = secretHider(handler, { values, meta }, before);
      const found = await plainly(() => handler.diff(id, before.values, values, meta)).catch((error: unknown) => {
        // The engine only shows what a refresh has found: nobody wants it done, so that there is nothing to refuse.
        if (meta && !isAsked(meta.urn) && error instanceof KvmError) return undefined;
        throw hideIn(error, hide);
      });
      if (!found) return { changes: true, replaces: [], deleteBeforeReplace: false };
      const { changes, replaces, deleteBeforeReplace, onlyMends } = found;
      const moves = movesOf(handler, before.meta, meta);
      const hidden = newSecrets(handler, before, { meta, values });
      // Outside of previews this is not to come: the engine asks whether this one would have to go with another one, or
      // leaves it out for another one has failed.
      const isSupposed = !isPreview && hasUnknown(values);
      if (meta && !isSupposed) {
        const notes = [...moves, ...hidden.map((path) => `${path}: live, a secret in the state from now on`)];
        announce(meta.urn, [...found.lines, ...notes].map(hide), [...found.plain, ...notes].map(hide));
      }
      // What would be deleted now comes without another question, though the value may turn out to be the one it has.
      if (isSupposed && !handler.goesAhead) return { replaces: [], deleteBeforeReplace };
      if (replaces.length > 0) identities.replace(handler.type, id);
      // Left undefined, the engine compares the inputs itself, which is what makes replaceOnChanges work; where they
      // are the same it would see nothing to mend.
      const known =
        changes.length === 0 ? { changes: moves.length > 0 || hidden.length > 0 } : onlyMends ? { changes: true } : {};
      return { ...known, replaces: [...replaces], deleteBeforeReplace };
    },

    async create(inputs) {
      const told = split(handler, inputs);
      const { meta, values } = told;
      const made = await run(handler, inputs, told, "create", (context) => handler.create(values, context));
      identities.make(handler.type, made.id);
      identities.adopt(handler.type, made.id, made.state, meta?.urn);
      if (made.takenUp) identities.takeUp(handler.type, made.id, meta?.urn);
      return { id: made.id, outs: close(handler, made.state, inputs, meta) };
    },

    async read(id, props) {
      const told = split(handler, props);
      const { meta, values } = told;
      const found = await plainly(() =>
        run(handler, props, told, "read", (context) => handler.read(id, values, context)),
      );
      if (!found) return {};
      // A destroy knows no program: what a refresh ahead of it sees tells who has taken over what another one made.
      identities.adopt(handler.type, found.id, found.state, meta?.urn);
      return {
        id: found.id,
        props: close(handler, found.state, props, meta),
        inputs: close(handler, found.inputs, props, meta),
      };
    },

    async update(id, olds, news) {
      const told = split(handler, news);
      const old = split(handler, olds);
      const work = (context: Context) => handler.update(id, old.values, told.values, context);
      const state = await run(handler, news, told, "update", work, old);
      return { outs: close(handler, state, news, told.meta) };
    },

    async delete(id, props) {
      const told = split(handler, props);
      const { meta, values } = told;
      const hide = secretHider(handler, told);
      const urn = identities.present(meta?.urn);
      const stays = (why: string) => engineLog.line(urn ?? "", "info", `stays on the host: ${hide(why)}`);
      const why = identities.whyItStays(handler.type, id, values, urn);
      if (why !== undefined) {
        stays(why);
        return;
      }
      const next = identities.wanted(handler.type, id, values);
      const isLost = handler.isDerived && identities.losesIdentity(handler.type, id, values, urn);
      const kept = isLost ? whyIdentityStays(handler, values) : next && handler.whyItIsKept(next);
      if (kept) return plainly(() => Promise.reject(hideIn(kept, hide)));
      try {
        const work = (context: Context) => handler.delete(id, values, context, next);
        await plainly(() => run(handler, props, told, "delete", work));
      } catch (error) {
        // One that was replaced, and that the program went back to before it could be deleted.
        const isBack = handler.createBeforeDelete && identities.isClaimed(handler.type, values);
        if (!isBack || !(error instanceof KvmError) || error.code !== "conflict") throw error;
        stays("the program has gone back to it");
      }
    },
  };
}

/**
 * Tells what is to be changed. In an update, what is simply changed live shows in the row alone: among a hundred such
 * lines of diagnostics nobody would see the one that tells of a restart.
 */
function announce(urn: string, lines: DiffResult["lines"], plain: DiffResult["plain"]): void {
  const quiet = isPreview ? [] : plain;
  if (quiet.length > 0) engineLog.note(urn, quiet.join(", "));
  for (const line of lines) if (!quiet.includes(line)) engineLog.line(urn, "info", line);
}

/**
 * What follows the resource to another stack or name. What it says on the host has to: a new stack under the former name
 * would take it for its own. So has its state: by its name alone a delete knows that it is to be made anew.
 */
function movesOf({ isMarked, isDerived }: Handler, before: Meta | undefined, now: Meta | undefined): readonly string[] {
  if (!before || !now || before.urn === now.urn) return [];
  if (isMarked && !isSameStack(before.urn, now.urn)) {
    return [`its mark on the host: live, now that of ${now.project}/${now.stack}`];
  }
  // A refresh shows what it has found on the host, and no more.
  return isDerived && isAsked(now.urn) ? [`its urn in the state: live, now ${now.urn}`] : [];
}

/** Why an object that would get another identity is not made anew. Of a volume it says what may be done about the data. */
function whyIdentityStays(handler: Handler, state: Values): KvmError | undefined {
  const { name, uuid, host } = state;
  if (uuid === undefined) return handler.whyItIsKept(state);
  const { uri } = (host ?? {}) as { readonly uri?: string };
  return new KvmError("conflict", {
    step: `make ${handler.type} ${name} anew`,
    host: uri,
    reason:
      "it was renamed in the program, and a new one would have the name and uuid of the new name, and lose what goes by these; it was left as it is",
    remedy: `write name: "${name}", uuid: "${uuid}" into the program (of a machine also the mac of its nics and the serial of its disks), then run it again`,
  });
}

/** The handler's values and our hidden inputs, told apart. */
function split({ nullable, maps }: Handler, wire: Values): Told {
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(wire).map(([name, value]) => [name, fromWire(value, nullable.includes(name))]),
  );
  const meta = readMeta(values["__meta"]);
  for (const key of [...hiddenKeys, "__preview"]) delete values[key];
  const known = withEmpty(maps, readNotes(values));
  const paths = (meta?.unknownPaths ?? []).map(namesIn);
  return { meta, values: paths.reduce((at, path) => withUnknown(at, path) as Values, known) };
}

/** Seals a result and gives it back the hidden inputs that later calls depend on. */
function close(handler: Handler, values: Values, origin: Values, meta: Meta | undefined): Values {
  const sealed: Record<string, unknown> = sealState(handler, values, meta?.secretPaths ?? [], origin);
  for (const key of hiddenKeys) if (origin[key] !== undefined) sealed[key] = origin[key];
  return sealed;
}

async function run<T>(
  handler: Handler,
  origin: Values,
  told: Told,
  kind: "create" | "read" | "update" | "delete",
  work: (context: Context) => Promise<T>,
  former?: Told,
): Promise<T> {
  const { meta } = told;
  const hide = secretHider(handler, told, ...(former ? [former] : []));
  const seconds = kind === "read" ? undefined : meta?.timeouts?.[kind];
  return operations.run(seconds, async (signal) => {
    try {
      return await work(contextFor(meta, signal, hide));
    } catch (error) {
      hideIn(error, hide);
      if (!(error instanceof PartialFailure)) throw error;
      // The engine shows only the reasons, and without the hidden inputs in the properties the object could never be read again.
      const kept = withSecrets(origin, meta, former?.meta?.secretPaths ?? []);
      const properties = close(handler, error.state, kept.origin, kept.meta);
      throw Object.assign(new Error(error.message), { id: error.id, reasons: [error.message], properties });
    } finally {
      if (meta) engineLog.settled(meta.urn);
    }
  });
}

/** What is not finished may still be what an earlier program said: with what that had as secrets. */
function withSecrets(origin: Values, meta: Meta | undefined, former: readonly string[]) {
  const { secretPaths = [] } = meta ?? {};
  if (meta === undefined || former.every((path) => secretPaths.includes(path))) return { origin, meta };
  const both = { ...meta, secretPaths: [...new Set([...secretPaths, ...former])] };
  return { origin: { ...origin, __meta: JSON.stringify(both) }, meta: both };
}

function contextFor(meta: Meta | undefined, signal: AbortSignal, hide: (text: string) => string): Context {
  const urn = meta?.urn;
  const line = (severity: "info" | "warning") => (message: string) => {
    if (urn !== undefined) engineLog.line(urn, severity, hide(message));
  };
  return {
    meta,
    signal,
    connect: (host) => hosts.connect(host, signal),
    progress: (message) => {
      if (urn !== undefined) engineLog.status(urn, hide(message));
    },
    warn: line("warning"),
    info: line("info"),
  };
}

/** Pulumi prints the stack of what check, diff, read and delete throw; a user has no use for it. */
async function plainly<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KvmError || error instanceof TransportError) error.stack = "";
    throw error instanceof Error ? error : new Error(messageOf(error));
  }
}
