import { child, type Element, ensure, remove, setText, textOf } from "./tree";

/** Reads and writes one value of a document. `set` with undefined removes what `get` would find. */
export interface ElementLens<T> {
  get(document: Element): T | undefined;
  set(document: Element, value: T | undefined): void;
  /** Gives a name to an element that has none and is what the value says. */
  claim?(document: Element, value: T): void;
  claimPlace?(document: Element, value: T): void;
}

/** Text of the element at `path` ("a/b/c"). */
export function textAt(path: string): ElementLens<string> {
  return {
    get(document) {
      const found = child(document, path);
      return found && textOf(found);
    },
    set(document, value) {
      if (value === undefined) remove(document, path);
      else setText(ensure(document, path), value);
    },
  };
}

/** Attribute `name` of the element at `path`; an empty path means the document itself. */
export function attributeAt(path: string, name: string): ElementLens<string> {
  return {
    get(document) {
      return locate(document, path)?.attributes[name];
    },
    set(document, value) {
      if (value !== undefined) {
        (path === "" ? document : ensure(document, path)).attributes[name] = value;
        return;
      }
      const found = locate(document, path);
      if (!found) return;
      delete found.attributes[name];
      const bare = Object.keys(found.attributes).length === 0 && found.children.length === 0;
      if (bare && path !== "") remove(document, path);
    },
  };
}

/** An element that says yes by being there, such as `<acpi/>`. */
export function presenceAt(path: string): ElementLens<boolean> {
  return {
    get(document) {
      return child(document, path) !== undefined;
    },
    set(document, value) {
      if (value) ensure(document, path);
      else remove(document, path);
    },
  };
}

/** The same place, seen through a pair of functions. `decode` may answer undefined for text that means nothing to us. */
export function mapped<A, B>(
  lens: ElementLens<A>,
  decode: (value: A) => B | undefined,
  encode: (value: B) => A,
): ElementLens<B> {
  return {
    get(document) {
      const value = lens.get(document);
      return value === undefined ? undefined : decode(value);
    },
    set(document, value) {
      lens.set(document, value === undefined ? undefined : encode(value));
    },
  };
}

/** A whole number written as text. */
export function number(lens: ElementLens<string>): ElementLens<number> {
  return mapped(
    lens,
    (value) => (/^-?\d+$/.test(value.trim()) ? Number(value) : undefined),
    (value) => String(value),
  );
}

/** A truth written as a pair of words: yes and no, on and off. */
export function words(lens: ElementLens<string>, yes: string, no: string): ElementLens<boolean> {
  return mapped(
    lens,
    (value) => (value === yes ? true : value === no ? false : undefined),
    (value) => (value ? yes : no),
  );
}

function locate(document: Element, path: string): Element | undefined {
  return path === "" ? document : child(document, path);
}

/** A place that holds one of a few words. */
export function oneOf<T extends string>(lens: ElementLens<string>, known: readonly T[]): ElementLens<T> {
  return mapped(
    lens,
    (value) => known.find((item) => item === value),
    (value) => value,
  );
}
