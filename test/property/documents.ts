import * as fc from "fast-check";
import { expressionOf } from "../../provider/schema/kind";
import type { DocumentObject } from "../../provider/schema/object";
import { type ElementShape, type FieldShape, shapeOf } from "../../provider/schema/shape";
import { type KindRow, tables } from "../../provider/schema/tables";

export const kinds = Object.keys(tables.roots);

interface Extent {
  /** Everything that a whole document must have is there. */
  readonly whole: boolean;
  /** Most items of a list. */
  readonly items: number;
}

/** Below this, a number at random; the same ones for the same seed. */
type Draw = (bound: number) => number;

/** Random documents of a kind that libvirt's schemas allow, or parts of such. */
export function documents(kind: string, extent: Extent = { whole: true, items: 2 }): fc.Arbitrary<DocumentObject> {
  const shape = shapeOf(kind);
  if (!shape) throw new Error(`no schema of ${kind}`);
  return fc.integer().map((seed) => new Maker(generator(seed), extent).member(shape) as DocumentObject);
}

class Maker {
  /** Elements that may still be made; what must be there is made in any case. */
  private left = 40;

  constructor(
    private readonly draw: Draw,
    private readonly extent: Extent,
  ) {}

  member(shape: ElementShape): unknown {
    this.left--;
    if (shape.open) return ["", "<a:b xmlns:a='urn:a' c='1'>d &amp; e</a:b>"][this.draw(2)];
    const object: Record<string, unknown> = {};
    for (const [name, field] of shape.attributes) if (this.isThere(field.required)) object[name] = this.scalar(field);
    for (const [key, child] of shape.children) {
      if (!this.isThere(child.required)) continue;
      const count = child.list ? 1 + this.draw(this.extent.items) : 1;
      const items = Array.from({ length: count }, () => this.member(child.shape));
      object[key] = child.list ? items : items[0];
    }
    if (shape.isPlain && shape.text) return this.scalar(shape.text);
    if (shape.text && this.isThere(shape.text.required)) object["value"] = this.scalar(shape.text);
    return object;
  }

  private isThere(required: boolean): boolean {
    return (required && this.extent.whole) || (this.left > 0 && this.draw(4) === 0);
  }

  private scalar({ kind }: FieldShape): string {
    const texts = textsOf(kind);
    return texts[this.draw(texts.length)] ?? "";
  }
}

/** mulberry32 */
function generator(seed: number): Draw {
  let state = seed | 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const texts = new Map<KindRow, readonly string[]>();

/** A few texts of a kind, without white space at their ends, which has no meaning. */
function textsOf(kind: KindRow): readonly string[] {
  const known = texts.get(kind);
  if (known) return known;
  const { w = [], p = [], r = [] } = kind;
  const patterns = p.flatMap((pattern) => sample(fc.stringMatching(expressionOf(pattern), { size: "-1" })));
  const made = [...w, ...patterns, ...r.flatMap(bounds)].filter((text) => text !== "" && text.trim() === text);
  const result = made.length > 0 ? made : ["a", "ä & <b> \"c\" 'd'", "0744", "18446744073709551615"];
  texts.set(kind, result);
  return result;
}

function sample(arbitrary: fc.Arbitrary<string>): string[] {
  return fc.sample(arbitrary, { numRuns: 5, seed: 1 });
}

function within(range: string, text: string): boolean {
  const [low = "", high = ""] = range.split("..");
  return (low === "" || BigInt(text) >= BigInt(low)) && (high === "" || BigInt(text) <= BigInt(high));
}

function bounds(range: string): string[] {
  return ["7", ...range.split("..")].filter((bound) => bound !== "" && within(range, bound));
}
