import type { AnyDefinition } from "./definition";
import { type Change, diffRows } from "./diff";
import type { DiffResult, Meta, Values } from "./handler";
import { isIgnored } from "./ignored";
import { isWithin } from "./paths";
import { inForce } from "./state";

/** What an update of the state to these inputs would do. Pure. */
export function preview(definition: AnyDefinition, olds: Values, news: Values, meta: Meta | undefined): DiffResult {
  const asked = changesOf(definition, olds, news).filter((change) => change.class !== "none");
  definition.guard?.(asked, olds, news);
  const replaces = asked.flatMap((change) => (change.class === "replace" ? [String(change.path[0])] : []));
  // A new object has nothing to be mended.
  const mends = replaces.length > 0 ? [] : mendsOf(definition, olds, news, asked, meta);
  const changes = [...asked, ...mends];
  const told = changes.map((change) => lineOf(definition, change, olds, news));
  const more = changes.length > 0 ? (definition.announce?.(changes, olds, news) ?? []) : [];
  return {
    changes,
    lines: [...told.map(({ line }) => line), ...more],
    plain: told.filter(({ isPlain }) => isPlain).map(({ line }) => line),
    replaces: [...new Set(replaces)],
    deleteBeforeReplace: !definition.createBeforeDelete,
    ...(asked.length === 0 && mends.length > 0 && { onlyMends: true }),
  };
}

/** Every managed value that the program has otherwise than the state. */
export function changesOf(definition: AnyDefinition, olds: Values, news: Values): readonly Change[] {
  const next = definition.effective?.(news, olds, olds) ?? news;
  const changes = diffRows(definition.rows, inForce(definition, olds), next);
  return definition.judge?.(changes, olds, news) ?? changes;
}

/** What the last look found otherwise, and no change of the program touches anyway. */
function mendsOf(
  definition: AnyDefinition,
  olds: Values,
  news: Values,
  asked: readonly Change[],
  meta: Meta | undefined,
): readonly Change[] {
  const found = definition.behind?.(olds, news) ?? [];
  return found.filter(
    ({ path, property }) =>
      !asked.some((change) => isWithin(path, change.path)) && !isIgnored(property, meta?.ignoreChanges),
  );
}

function lineOf(definition: AnyDefinition, change: Change, olds: Values, news: Values) {
  const more = definition.remark?.(change, olds, news);
  const notes = `${change.reason ? `, ${change.reason}` : ""}${more ? `; ${more}` : ""}`;
  return { line: `${change.property}: ${change.class}${notes}`, isPlain: change.class === "live" && notes === "" };
}
