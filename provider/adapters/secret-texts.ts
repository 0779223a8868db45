import type { Handler, Meta, Values } from "../core/handler";
import { isWithin } from "../core/paths";
import { isPlainObject } from "../core/unknown";

/** Shorter texts would be found in any sentence. */
const shortestSecret = 3;

/** Which object it is: without that nobody could read a message, and user data has such words too. */
const naming = ["host", "pool", "name"];

/** What an object is to be, or was, and what of that is secret. */
export interface Told {
  readonly values: Values;
  readonly meta: Meta | undefined;
}

/**
 * Puts `[secret]` in place of what is secret in `told`. libvirt and QEMU repeat what they refuse; the engine hides what
 * the stack has as secret configuration, and nothing else, and it keeps the errors of an object in its state as they are.
 */
export function secretHider({ secretPaths }: Pick<Handler, "secretPaths">, ...told: readonly Told[]) {
  // Few operations have something to say.
  let secrets: readonly string[] | undefined;
  return (text: string): string => {
    if (secrets === undefined) {
      const texts = told.flatMap(({ values, meta }) => {
        const patterns = [...secretPaths, ...(meta?.secretPaths ?? [])].map((path) => path.split("."));
        return textsIn(values, patterns);
      });
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
