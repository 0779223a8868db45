import type { KindRow } from "./tables";

const expressions = new Map<string, RegExp>();

/** Whether the schema takes this text there. A kind without any member takes every text. */
export function isAccepted(kind: KindRow, text: string): boolean {
  if (kind.w === undefined && kind.p === undefined && kind.r === undefined) return true;
  const trimmed = text.trim();
  if (trimmed === "" || kind.w?.includes(trimmed)) return true;
  if (kind.r?.some((range) => isWithin(range, trimmed))) return true;
  return kind.p?.some((pattern) => expressionOf(pattern).test(text) || expressionOf(pattern).test(trimmed)) === true;
}

/** The word that stands for a truth there: yes or no unless the schema knows another pair only. */
export function oddWord(kind: KindRow, value: boolean): string {
  const pairs = [
    ["yes", "no"],
    ["on", "off"],
    ["1", "0"],
  ] as const;
  const [yes, no] = pairs.find(([word]) => kind.w?.includes(word)) ?? pairs[0];
  return value ? yes : no;
}

function isWithin(range: string, text: string): boolean {
  if (!/^[-+]?\d+$/.test(text)) return false;
  const [low = "", high = ""] = range.split("..");
  const number = BigInt(text.replace(/^\+/, ""));
  return (low === "" || number >= BigInt(low)) && (high === "" || number <= BigInt(high));
}

/** XSD's patterns match the whole text, and know neither anchors nor `$` and `^` outside classes as anything special. */
export function expressionOf(pattern: string): RegExp {
  const known = expressions.get(pattern);
  if (known) return known;
  const made = new RegExp(`^(?:${translated(pattern)})$`);
  expressions.set(pattern, made);
  return made;
}

function translated(pattern: string): string {
  let inClass = false;
  let text = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === "\\") {
      text += character + (pattern[++at] ?? "");
      continue;
    }
    if (character === "[" && !inClass) inClass = true;
    else if (character === "]") inClass = false;
    text += !inClass && (character === "$" || character === "^") ? `\\${character}` : character;
  }
  return text;
}
