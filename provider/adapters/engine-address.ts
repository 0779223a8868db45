/** Where the engine serves: a dynamic provider is not told, but it is the last argument of its process. */
export function engineAddress(): string | undefined {
  const last = process.argv.at(-1);
  return last !== undefined && /^[\w.:[\]-]+:\d+$/.test(last) ? last : undefined;
}
