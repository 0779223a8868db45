import * as fc from "fast-check";
import { parseAnswer } from "../../provider/schema/answer";
import {
  clone,
  type Element,
  element,
  equal,
  isElement,
  type Node,
  parse,
  render,
  XmlError,
} from "../../provider/schema/tree";

const name = fc.oneof(
  fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.-]{0,8}$/),
  fc.stringMatching(/^[a-z]{1,4}:[a-z]{1,6}$/),
  fc.constantFrom("valueOf", "toString", "hasOwnProperty", "xmlns:qemu", "é", "名"),
);
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "<",
        ">",
        "&",
        "'",
        '"',
        "\n",
        "\r",
        "\t",
        " ",
        "]]>",
        "<![CDATA[",
        "<!--",
        "&amp;",
        "&#10;",
        "\ufeff",
        "😀",
        "x",
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join("")),
);
const carried = hostile.map((text) => text.replace(/[\p{Surrogate}\ufffe\uffff]|[^\t\n\r -\u{10ffff}]/gu, ""));

const { tree } = fc.letrec<{ tree: Element }>((tie) => ({
  tree: fc
    .record({
      name,
      attributes: fc.dictionary(fc.oneof(name, fc.constant("__proto__")), carried, {
        maxKeys: 4,
        noNullPrototype: true,
      }),
      children: fc.array(fc.oneof({ depthSize: "small", withCrossShrink: true }, carried, tie("tree")), {
        maxLength: 4,
      }),
    })
    .map((made) => element(made.name, made.attributes, ...(made.children as (Element | string)[]))),
}));

/** What a reader of the rendered text may expect: joined texts, no white space that only lies between elements. */
function significant(node: Element): Element {
  const joined: Node[] = [];
  for (const item of node.children) {
    const last = joined.at(-1);
    if (isElement(item)) joined.push(significant(item));
    else if (last !== undefined && !isElement(last)) joined[joined.length - 1] = { text: last.text + item.text };
    else joined.push(item);
  }
  const mixed = joined.some(isElement);
  return { ...node, children: joined.filter((item) => isElement(item) || !mixed || /[^ \t\r\n]/.test(item.text)) };
}

const plain = (node: Element): unknown => [
  node.name,
  Object.entries(node.attributes),
  node.children.map((item) => (isElement(item) ? plain(item) : item.text)),
];

describe("XML tree", () => {
  it("survives render and parse with any text, attribute and order", () => {
    fc.assert(
      fc.property(tree, (made) => {
        const read = parse(render(made));
        expect(plain(read)).toEqual(plain(significant(made)));
        expect(render(read)).toBe(render(made));
        expect(plain(parseAnswer(render(made)))).toEqual(plain(read));
      }),
      { numRuns: 500 },
    );
  });

  it("equals its clone and its re-indented self, and not a changed self", () => {
    fc.assert(
      fc.property(tree, carried, (made, text) => {
        const copy = clone(made);
        expect(equal(made, copy)).toBe(true);
        expect(equal(made, parse(render(made)))).toBe(true);
        copy.attributes["added"] = `${copy.attributes["added"]}${text}`;
        expect(equal(made, copy)).toBe(false);
      }),
    );
  });

  it("parses or refuses any input with an XmlError, and never hangs", () => {
    const soup = fc
      .array(
        fc.constantFrom(
          "<a",
          ">",
          "</a>",
          "/>",
          " b='",
          "'",
          "<!--",
          "-->",
          "<![CDATA[",
          "]]>",
          "&",
          ";",
          "#",
          "<?x",
          "?>",
          "<!DOCTYPE",
          "x",
          "\n",
        ),
        {
          maxLength: 30,
        },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(soup, (xml) => {
        try {
          const read = parse(xml);
          expect(equal(read, parse(render(read)))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
