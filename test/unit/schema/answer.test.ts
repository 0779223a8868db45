import { parseAnswer } from "../../../provider/schema/answer";
import { child, parse, render } from "../../../provider/schema/tree";

const laidOut = (devices: string) => `<domain type='kvm'>
  <name>db</name>
  <metadata>
    <a:b xmlns:a='urn:a'/>
  </metadata>
  <devices>
    ${devices}
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>
  </devices>
</domain>
`;

test("what a reader does to a document is not in the next one with the same elements", () => {
  const xml = laidOut("<emulator>/usr/bin/qemu</emulator>");
  const before = render(parseAnswer(xml));
  const document = parseAnswer(xml);
  for (const path of ["name", "devices/rng", "devices/rng/backend"]) {
    const found = child(document, path);
    if (!found) throw new Error(path);
    found.attributes["added"] = "yes";
    found.children.push({ text: "more" });
  }
  document.children.pop();
  expect(render(parseAnswer(xml))).toBe(before);
});

test.each([
  ["a comment", laidOut("<!-- a -->\n    <emulator>b</emulator>")],
  ["a comment over lines", laidOut("<!--\n    <emulator>a</emulator>\n    -->")],
  ["elements in CDATA", laidOut("<emulator><![CDATA[\n    <a>\n    </a>]]></emulator>")],
  ["texts between elements", laidOut("<emulator>a</emulator> text")],
  ["several elements a line", laidOut("<emulator>a</emulator><emulator>b</emulator>")],
  ["an element that holds blanks", laidOut("<emulator>\n    </emulator>")],
  ["elements that are less deep than their parent", laidOut("<a>\n  <b>\n  </b>\n<c/>\n    </a>")],
  ["an element that holds one of its name", laidOut("<a>\n    <a>\n    <a/>\n    </a>\n    </a>")],
  ["a closing bracket in an attribute", laidOut("<a b='>'>\n      <c/>\n    </a>").replace("'kvm'", "'>'")],
  ["a line end in a tag", laidOut("<a\n    b='c'/>")],
  ["nothing laid out", laidOut("<a/>").replaceAll(/\n */g, "")],
  ["nothing in it", "<domain>\n</domain>"],
])("a document with %s is read as any other", (_what, xml) => {
  for (let time = 0; time < 2; time++) expect(parseAnswer(xml)).toEqual(parse(xml));
});

test("what is wrong is told with its place in the whole document", () => {
  const wrong = () => parseAnswer(laidOut("<a>\n      <b c='&bomb;'/>\n    </a>"));
  expect(wrong).toThrow('the unknown or forbidden reference "&bomb;" in /domain/devices/a/b/@c');
});
