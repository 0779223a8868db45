import type { Handler, Meta, Values } from "../core/handler";
import { isSameAt, isWithin, namesIn, valueAt } from "../core/paths";
import { isPlainObject } from "../core/unknown";

/** Shorter texts would be found in any sentence. */
const shortestSecret = 3;

/** Which object it is: without that nobody could read a message, and user data has such words too. */
const naming = ["host", "pool", "name"];

type Secrets = Pick<Handler, "secretPaths">;

/** What an object is to be, or was, and what of that is secret. */
export interface Told {
  readonly values: Values;
  readonly meta: Meta | undefined;
}

/**
 * Puts `[secret]` in place of what is secret in `told`. libvirt and QEMU repeat what they refuse; the engine hides what
 * the stack has as secret configuration, and nothing else, and it keeps the errors of an object in its state as they are.
 */
export function secretHider(handler: Secrets, ...told: readonly Told[]) {
  // Few operations have something to say.
  let secrets: readonly string[] | undefined;
  return (text: string): string => {
    if (secrets === undefined) {
      const texts = told.flatMap(({ values, meta }) => textsIn(values, secretPatterns(handler, meta)));
      const clear = texts.filter(({ isSecret, path: [top = ""] }) => !isSecret && naming.includes(top));
      secrets = texts
        .filter(({ isSecret, text }) => isSecret && text.length >= shortestSecret)
        .map(({ text }) => text)
        .filter((secret) => !clear.some(({ text }) => text.includes(secret)))
        .sort((one, other) => other.length - one.length);
    }
    return secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  };
}

/** The same error, with its message and stack as `hide` leaves them. */
export function hideIn<E>(error: E, hide: (text: string) => string): E {
  if (!(error instanceof Error)) return error;
  const { message, stack } = error;
  error.message = hide(message);
  if (stack !== undefined) error.stack = hide(stack);
  return error;
}

/**
 * What stays as it is and becomes a secret: the engine finds the values equal, and would leave those that stand within an
 * argument in the state in clear.
 */
export function newSecrets(handler: Secrets, before: Told, now: Told): readonly string[] {
  const known = secretPatterns(handler, before.meta);
  const isNew = (path: readonly string[]) =>
    !known.some((outer) => isWithin(path, outer)) &&
    valueAt(now.values, path) !== undefined &&
    isSameAt(before.values, now.values, path);
  return (now.meta?.secretPaths ?? []).filter((path) => isNew(namesIn(path)));
}

/** The paths of what is a secret by itself, or by the program. */
function secretPatterns({ secretPaths }: Secrets, meta: Meta | undefined): readonly string[][] {
  return [...secretPaths, ...(meta?.secretPaths ?? [])].map(namesIn);
}

interface Text {
  readonly text: string;
  readonly path: readonly string[];
  readonly isSecret: boolean;
}

/** All that messages may have of a value. */
function textsIn(value: unknown, patterns: readonly string[][], path: readonly string[] = []): Text[] {
  if (Array.isArray(value) || isPlainObject(value)) {
    return Object.entries(value).flatMap(([name, item]) => textsIn(item, patterns, [...path, name]));
  }
  if (typeof value !== "string" && typeof value !== "number") return [];
  return [{ text: String(value), path, isSecret: patterns.some((pattern) => isWithin(path, pattern)) }];
}
