import * as fc from "fast-check";
import { type DocumentObject, isObject, toElement, toObject } from "../../provider/schema/object";
import { applyOverlay, readOverlay, withdrawOverlay } from "../../provider/schema/overlay";
import { equal, parse, render } from "../../provider/schema/tree";
import { validate } from "../../provider/schema/validate";
import { documents, kinds } from "./documents";

const runs = { numRuns: 15 };
const parts = { whole: false, items: 1 };

describe.each(kinds)("any <%s>", (kind) => {
  it("is valid, survives the text, and has one canonical form", () => {
    fc.assert(
      fc.property(documents(kind), (made) => {
        expect(validate(kind, made)).toEqual([]);
        const element = toElement(kind, made);
        const read = parse(render(element));
        expect(equal(read, element)).toBe(true);
        const canonical = toObject(read);
        expect(canonical).toEqual(toObject(element));
        expect(validate(kind, canonical)).toEqual([]);
        expect(render(toElement(kind, canonical))).toBe(render(element));
        expect(JSON.stringify(canonical)).not.toMatch(/"\$(xml|attrs|text)"/);
      }),
      runs,
    );
  });

  it("takes a part merged over it, once or often, shows it, and gives it back", () => {
    fc.assert(
      fc.property(documents(kind), documents(kind, parts), (made, part) => {
        const document = toElement(kind, made);
        expect(validate(kind, part, { partial: true })).toEqual([]);
        const once = applyOverlay(document, part);
        expect(equal(applyOverlay(document, {}), document)).toBe(true);
        expect(render(applyOverlay(once, part))).toBe(render(once));
        expect(readOverlay(once, part)).toEqual(readOverlay(toElement(kind, part), part));
        expect(render(withdrawOverlay(once, part, document))).toBe(render(applyOverlay(document, {})));
      }),
      runs,
    );
  });

  it("loses what is taken away, and nothing else", () => {
    fc.assert(
      fc.property(documents(kind), fc.nat(), (made, choice) => {
        const object = toObject(toElement(kind, made));
        const keys = Object.keys(object);
        fc.pre(keys.length > 0);
        const key = keys[choice % keys.length] ?? "";
        const { [key]: _gone, ...rest } = object;
        const after = toObject(applyOverlay(toElement(kind, object), { [key]: null }));
        expect(after).toEqual(rest);
      }),
      runs,
    );
  });

  it("is found wanting wherever a name or a word is wrong, and there alone", () => {
    fc.assert(
      fc.property(documents(kind), fc.nat(), (made, choice) => {
        const objects = objectsIn(made);
        const [path, object] = objects[choice % objects.length] ?? ["", made];
        (object as Record<string, unknown>)["nonsense"] = "x";
        const places = validate(kind, made).map((fault) => counted(fault.path));
        expect(places).toEqual([path === "" ? "nonsense" : `${path}.nonsense`]);
      }),
      runs,
    );
  });
});

/** A path without what items of lists are called. */
function counted(path: string): string {
  return path.replace(/\[.*?\](?=\.|$)/g, "[]");
}

/** Every object of a document with its path. */
function objectsIn(value: unknown, path = ""): [string, DocumentObject][] {
  if (Array.isArray(value)) return value.flatMap((item) => objectsIn(item, `${path}[]`));
  if (!isObject(value)) return [];
  const inside = Object.entries(value).flatMap(([key, item]) => objectsIn(item, path === "" ? key : `${path}.${key}`));
  return [[path, value], ...inside];
}
