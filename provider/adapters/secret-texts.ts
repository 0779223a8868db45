import type { Handler, Meta, Values } from "../core/handler";
import { isWithin } from "../core/paths";
import { isPlainObject } from "../core/unknown";

/** Shorter texts would be found in any sentence. */
const shortestSecret = 3;

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
    secrets ??= told
      .flatMap(({ values, meta }) => {
        const patterns = [...secretPaths, ...(meta?.secretPaths ?? [])].map((path) => path.split("."));
        return secretTexts(values, patterns);
      })
      .filter((secret) => secret.length >= shortestSecret)
      .sort((one, other) => other.length - one.length);
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

/** What is secret of a value, as messages may have it. */
function secretTexts(value: unknown, patterns: readonly string[][], path: readonly string[] = []): string[] {
  if (Array.isArray(value) || isPlainObject(value)) {
    return Object.entries(value).flatMap(([name, item]) => secretTexts(item, patterns, [...path, name]));
  }
  const isSecret = patterns.some((pattern) => isWithin(path, pattern));
  return isSecret && (typeof value === "string" || typeof value === "number") ? [String(value)] : [];
}
