import { type Element, isElement, parse, XmlError } from "../../provider/schema/tree";

/**
 * The documents in a file: usually one, but tools such as mdevctl's tests write several one after the other. None in a
 * file that is empty.
 *
 * @throws XmlError for anything else than well-formed XML in UTF-8, UTF-16 or an encoding that its declaration names.
 */
export function documentsIn(bytes: Buffer): Element[] {
  const text = decode(bytes);
  if (text.trim() === "") return [];
  try {
    return [parse(text)];
  } catch (error) {
    const documents = /root/.test(String(error)) ? several(text) : undefined;
    if (!documents) throw error;
    return documents;
  }
}

/** Several documents in a row, each with its declaration or without; undefined when that is not what the text is. */
function several(text: string): Element[] | undefined {
  try {
    const { children } = parse(`<documents>${text.replace(/<\?xml[^>]*\?>/g, "")}</documents>`);
    return children.length > 1 && children.every(isElement) ? children : undefined;
  } catch {
    return undefined;
  }
}

function decode(bytes: Buffer): string {
  const encoding = markedEncoding(bytes) ?? declaredEncoding(bytes) ?? "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new XmlError(`XML is not in the encoding ${encoding}, which it is said to have or has by default`);
  }
}

/** By the byte order mark, or by how the first "<" is written. */
function markedEncoding(bytes: Buffer): string | undefined {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first === 0x3c && second === 0) return "utf-16le";
  return first === 0 && second === 0x3c ? "utf-16be" : undefined;
}

function declaredEncoding(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 200).toString("latin1");
  const name = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1]?.toLowerCase();
  // Nothing that we could read the declaration of is in UTF-16.
  return name?.startsWith("utf-16") ? undefined : name;
}
