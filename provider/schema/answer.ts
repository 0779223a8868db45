import { clone, type Element, parse, sourceOf, treeOf, XmlError } from "./tree";

/** Elements by their text. The machines of a host have most of theirs in common, and one machine before and after. */
const known = new Map<string, Element>();
/** Most that are kept: with the longest devices, some megabytes. */
const most = 2000;

/** Where the elements of a domain begin, and those of its devices. */
const starts = [/\n {2}(?=<[^/])/, /\n {4}(?=<[^/])/];

/**
 * Reads what libvirt answered as `parse` does. libvirt lays its documents out, and an update reads four of one machine
 * that differ in a few lines: each element is parsed once, which takes a quarter of the time. A document that is laid
 * out otherwise is read as a whole, without being validated before: an XML library wrote it.
 */
export function parseAnswer(xml: string): Element {
  const source = sourceOf(xml);
  try {
    return inPieces(source, 0) ?? treeOf(source);
  } catch (error) {
    // A piece that is no element by itself, or is wrong: the whole tells which, and where.
    if (!(error instanceof XmlError)) throw error;
    return treeOf(source);
  }
}

/** An element child by child; undefined for one whose children are not on lines of their own. */
function inPieces(text: string, level: number): Element | undefined {
  const start = starts[level];
  const head = text.slice(0, text.indexOf(">") + 1);
  const tail = `</${/^<([^\s/>]+)/.exec(head)?.[1]}>`;
  if (!start || head.endsWith("/>") || !text.endsWith(`\n${"  ".repeat(level)}${tail}`)) return undefined;
  const [between, ...pieces] = text.slice(head.length, -tail.length).trimEnd().split(start);
  if (between !== "" || pieces.length === 0) return undefined;
  const made = parsed(head + tail);
  made.children = pieces.map((piece) => inPieces(piece, level + 1) ?? parsed(piece));
  return made;
}

/** A piece is an element only where nothing is left open: other than a whole answer, it is validated. */
function parsed(piece: string): Element {
  let found = known.get(piece);
  if (!found) {
    found = parse(piece);
    if (known.size >= most) known.clear();
    known.set(piece, found);
  }
  return clone(found);
}
