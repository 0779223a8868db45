import {
  child,
  children,
  clone,
  element,
  ensure,
  equal,
  MAX_DEPTH,
  MAX_LENGTH,
  parse,
  remove,
  render,
  setText,
  textOf,
  XmlError,
} from "../../../provider/schema/tree";

describe("parse", () => {
  it("keeps values as text: leading zeros, exponents, booleans", () => {
    const disk = parse("<disk on='true' serial='0001e10'><serial>02097152</serial></disk>");
    expect({ ...disk.attributes }).toEqual({ on: "true", serial: "0001e10" });
    expect(textOf(ensure(disk, "serial"))).toBe("02097152");
  });

  it("keeps the order of siblings, namespaces and prefixed names", () => {
    const xml =
      "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n" +
      "  <disk/>\n  <interface/>\n  <disk/>\n" +
      "  <qemu:commandline>\n    <qemu:arg value='-snapshot'/>\n  </qemu:commandline>\n" +
      "</domain>\n";
    expect(render(parse(xml))).toBe(xml);
  });

  it("drops comments, the declaration and processing instructions; CDATA becomes text", () => {
    const root = parse(
      "<?xml version='1.0'?><!-- a --><?pi x?>\n<a>one<!-- b --><![CDATA[ <two> &amp; ]]>three</a><!-- c -->",
    );
    expect(root.children).toEqual([{ text: "one <two> &amp; three" }]);
  });

  it("decodes references once", () => {
    const root = parse("<a b='&lt;&#10;&#x9;&quot;&apos;'>&amp;lt;&#x1F600;</a>");
    expect(root.attributes["b"]).toBe("<\n\t\"'");
    expect(textOf(root)).toBe("&lt;😀");
  });

  it("normalises line ends, and literal white space in attributes", () => {
    const root = parse("<a b='1\r\n2\t3'>x\r\ny\rz</a>");
    expect(root.attributes["b"]).toBe("1 2 3");
    expect(textOf(root)).toBe("x\ny\nz");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "takes an attribute named %s for what it is",
    (name) => {
      const root = parse(`<a ${name}='1' b='2'/>`);
      expect(Object.entries(root.attributes)).toEqual([
        [name, "1"],
        ["b", "2"],
      ]);
      expect(({} as Record<string, unknown>)["b"]).toBeUndefined();
      expect(parse("<a/>").attributes[name]).toBeUndefined();
      expect(render(root)).toBe(`<a ${name}='1' b='2'/>\n`);
    },
  );

  it.each([
    ["nothing", ""],
    ["blanks", " \n"],
    ["no element", "hello"],
    ["two roots", "<a/><b/>"],
    ["text after the root", "<a/>x"],
    ["text between the root and a comment", "<a/>x<!-- -->"],
    ["text before the root", "x<a/>"],
    ["CDATA after the root", "<a/><![CDATA[x]]>"],
    ["an unclosed element", "<a><b></a>"],
    ["a truncated document", "<a><b>"],
    ["a truncated tag", "<a b='1"],
    ["a repeated attribute", "<a b='1' b='2'/>"],
    ["an attribute without value", "<a b/>"],
    ["an attribute without quotes", "<a b=1/>"],
    ["an unknown entity", "<a>&nbsp;</a>"],
    ["a bare ampersand", "<a>R&D</a>"],
    ["a bare ampersand in an attribute", "<a b='R & D'/>"],
    ["< in an attribute", "<a b='<'/>"],
    ["an unclosed comment", "<a><!-- </a>"],
    ["an unclosed CDATA", "<a><![CDATA[ </a>"],
    ["a control character", "<a>\u0001</a>"],
    ["a reference to a control character", "<a>&#1;</a>"],
    ["a reference beyond Unicode", "<a>&#x110000;</a>"],
    ["a lone surrogate", "<a>\ud800</a>"],
    ["a DOCTYPE", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"],
    ["an element named __proto__", "<a><__proto__/></a>"],
    ["an element named constructor", "<constructor/>"],
    ["a lower-case doctype", "<!doctype a><a/>"],
  ])("refuses %s", (_, xml) => {
    expect(() => parse(xml)).toThrow(XmlError);
  });

  it("names line and column of the fault", () => {
    expect(() => parse("<a>\n  <b>\n</a>")).toThrow(/line [23]/);
  });

  it("reads up to the depth limit and refuses more", () => {
    const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
    expect(render(parse(nested(MAX_DEPTH)))).toContain("<a/>");
    expect(() => parse(nested(MAX_DEPTH + 1))).toThrow(XmlError);
    expect(() => parse(nested(200_000))).toThrow(XmlError);
  });

  it("refuses documents over the size limit", () => {
    expect(() => parse(`<a>${" ".repeat(MAX_LENGTH)}</a>`)).toThrow(/over the limit/);
  });
});

describe("render", () => {
  it("writes libvirt's form", () => {
    const root = element(
      "domain",
      { type: "kvm", id: undefined },
      element("name", {}, "db"),
      element("devices", {}, element("disk")),
    );
    expect(render(root)).toBe(
      "<domain type='kvm'>\n  <name>db</name>\n  <devices>\n    <disk/>\n  </devices>\n</domain>\n",
    );
  });

  it("escapes hostile values", () => {
    const root = element("a", { b: `'"<>&\n\t\r` }, "</a>]]>&\r");
    expect(render(root)).toBe("<a b='&apos;&quot;&lt;&gt;&amp;&#10;&#9;&#13;'>&lt;/a&gt;]]&gt;&amp;&#13;</a>\n");
    expect(parse(render(root))).toEqual(root);
  });

  it("never moves the text of mixed content", () => {
    const xml = "<a> x <b> y </b><c><d/></c>\n</a>\n";
    expect(render(parse(xml))).toBe(xml.replace("\n</a>", "</a>"));
  });

  it("keeps text that is only white space", () => {
    expect(render(parse("<a>  </a>"))).toBe("<a>  </a>\n");
  });

  it("refuses what XML cannot carry and says where", () => {
    expect(() => render(element("a", {}, element("b", {}, "\u0000")))).toThrow("U+0000, found in /a/b");
    expect(() => render(element("a", { c: "\ud800" }))).toThrow("U+D800, found in /a/@c");
    expect(() => render(element("a", { "x y": "" }))).toThrow('"x y" is no XML attribute name, in /a');
    expect(() => render(element("a", {}, element("b><c")))).toThrow('"b><c" is no XML name, in /a');
  });
});

describe("paths", () => {
  const domain = () =>
    parse("<domain><devices><disk/><disk n='2'><source file='x'/></disk></devices><os><boot dev='hd'/></os></domain>");

  it("finds the first match over all branches", () => {
    expect(child(domain(), "devices/disk/source")?.attributes["file"]).toBe("x");
    expect(child(domain(), "devices/nic")).toBeUndefined();
    expect(children(ensure(domain(), "devices"), "disk")).toHaveLength(2);
  });

  it("creates only what is missing", () => {
    const root = domain();
    expect(ensure(root, "os/boot").attributes["dev"]).toBe("hd");
    ensure(root, "os/bios/deep").attributes["a"] = "1";
    expect(render(ensure(root, "os"))).toBe(
      "<os>\n  <boot dev='hd'/>\n  <bios>\n    <deep a='1'/>\n  </bios>\n</os>\n",
    );
  });

  it("removes and prunes empty parents without attributes only", () => {
    const root = domain();
    expect(remove(root, "devices/disk/source")).toBe(true);
    expect(children(ensure(root, "devices"), "disk")).toHaveLength(2);
    expect(remove(root, "os/boot")).toBe(true);
    expect(child(root, "os")).toBeUndefined();
    expect(remove(root, "os/boot")).toBe(false);
  });

  it("never removes the element it was asked on", () => {
    const root = parse("<a><b>\n</b></a>");
    remove(root, "b");
    expect(render(root)).toBe("<a/>\n");
  });

  it("replaces content by text", () => {
    const root = parse("<a><b/>x</a>");
    setText(root, "y");
    expect(render(root)).toBe("<a>y</a>\n");
    setText(root, "");
    expect(render(root)).toBe("<a/>\n");
  });

  it("clones deeply", () => {
    const root = domain();
    const copy = clone(root);
    ensure(copy, "os/boot").attributes["dev"] = "cdrom";
    expect(child(root, "os/boot")?.attributes["dev"]).toBe("hd");
    expect(Object.getPrototypeOf(copy.attributes)).toBeNull();
  });
});

describe("equal", () => {
  it.each([
    ["white space between elements", "<a><b/><c/></a>", "<a>\n  <b/>\n  <c/>\n</a>", true],
    ["an empty element with a line break", "<a><b/></a>", "<a><b>\n</b></a>", true],
    ["attribute order", "<a b='1' c='2'/>", "<a c='2' b='1'/>", true],
    ["order of different names", "<a><b/><c/><b x='1'/></a>", "<a><c/><b/><b x='1'/></a>", true],
    ["order of one name", "<a><b/><b x='1'/></a>", "<a><b x='1'/><b/></a>", false],
    ["text", "<a>x</a>", "<a>y</a>", false],
    ["white space in text", "<a>x</a>", "<a> x</a>", false],
    ["a missing attribute", "<a b='1'/>", "<a/>", false],
    ["another attribute", "<a b='1'/>", "<a c='1'/>", false],
    ["a missing child", "<a><b/></a>", "<a/>", false],
  ])("%s", (_, left, right, expected) => {
    expect(equal(parse(left), parse(right))).toBe(expected);
    expect(equal(parse(right), parse(left))).toBe(expected);
  });
});
