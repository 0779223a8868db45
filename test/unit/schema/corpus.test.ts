import { judge } from "../../../tools/corpus/judge";
import { documentsIn } from "../../../tools/corpus/read";
import { Tally } from "../../../tools/corpus/tally";

const guest = (inside: string, attributes = "type='kvm'") => `<domain ${attributes}><name>é</name>${inside}</domain>`;
const read = (text: string) => documentsIn(Buffer.from(text));
const verdict = (text: string) => read(text).map(judge)[0];

describe("documents in a file", () => {
  test.each([
    ["a byte order mark and CRLF", Buffer.from(`\ufeff<?xml version='1.0'?>\r\n${guest("\r\n")}\r\n`)],
    ["UTF-16", Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${guest("")}`, "utf16le")],
    ["UTF-16 without a mark", Buffer.from(guest(""), "utf16le")],
    ["Latin 1", Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${guest("")}`, "latin1")],
    ["comments and instructions", Buffer.from(`<!-- a --><?b c?>${guest("<!-- d --><?e f?>")}<!-- g -->`)],
    ["CDATA", Buffer.from(guest("").replace("é", "<![CDATA[é]]>"))],
  ])("are read with %s", (_what, bytes) => {
    const [root, ...others] = documentsIn(bytes);
    expect(others).toEqual([]);
    expect(root?.children).toEqual([expect.objectContaining({ name: "name", children: [{ text: "é" }] })]);
  });

  test("may be several, each with its declaration, or none", () => {
    expect(read(`<?xml version="1.0"?>\n${guest("")}\n<?xml version="1.0"?><network/>`)).toHaveLength(2);
    expect(read(" \n")).toEqual([]);
  });

  test.each([
    ["cut off", "<domain><name>a</name>", /malformed/],
    ["followed by text", `${guest("")} text`, /malformed|root/],
    ["not in UTF-8", Buffer.from(guest(""), "latin1"), /encoding utf-8/],
    ["in an unknown encoding", "<?xml version='1.0' encoding='klingon'?><domain/>", /encoding klingon/],
    ["with a document type", "<!DOCTYPE domain><domain/>", /DOCTYPE/],
    ["with an entity bomb", '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><domain>&d;</domain>', /DOCTYPE/],
    ["with an entity that nobody declared", guest("<title>&bomb;</title>"), /&bomb;/],
    ["too large", guest(`<title>${"a".repeat(10 * 1024 * 1024)}</title>`), /over the limit/],
    ["too deep", "<a>".repeat(10_000) + "</a>".repeat(10_000), /nested/i],
    ["nothing but brackets", "<".repeat(1024 * 1024), /malformed.{0,250}$/],
  ])("are refused when %s, in words and at once", (_what, text, reason) => {
    const started = performance.now();
    expect(() => documentsIn(Buffer.from(text))).toThrow(reason);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("the judge", () => {
  test.each([
    ["an element", guest("<cpuu/>"), "not known: /domain: <cpuu> is gone"],
    ["an attribute", guest("<vcpu curent='1'>2</vcpu>"), 'not known: /domain/vcpu/@curent: "1" became nothing'],
    ["a second element of one", guest("<vcpu>1</vcpu><vcpu>2</vcpu>"), "not known: /domain: <vcpu> is gone"],
    ["a word", guest("<on_crash>explode</on_crash>"), expect.stringMatching(/^on_crash: "explode" is not one of/)],
    ["text", guest("<devices>text</devices>"), 'not known: /domain/devices: the text "text" became ""'],
  ])("finds %s that is not known", (_what, text, fault) => {
    expect(verdict(text)).toEqual({ kind: "domain", known: true, kept: true, fault });
  });

  test("leaves alone what others put into namespaces of their own", () => {
    const text = guest("<a:b a:c='1'/><vcpu a:d='2'>1</vcpu><metadata><a:e/></metadata>", "type='kvm' xmlns:a='urn:a'");
    expect(verdict(text)).toEqual({ kind: "domain", known: true });
  });

  test("does not take libvirt's own namespaces for foreign ones", () => {
    const text = guest("<q:wrong/>", "type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'");
    expect(verdict(text)?.fault).toContain("qemu/1.0}wrong> is gone");
  });

  test.each([
    ["<interface type='bridge' name='br0'><bridge/></interface>", "interface"],
    ["<interface type='bridge'><source bridge='br0'/></interface>", "domain/devices/interface"],
    ["<interface dev='eth1'/>", "network/forward/interface"],
    ["<interface type='bridge' name='br0'><brdige/></interface>", "interface"],
    ["<cpudata/>", "cpudata"],
  ])("tells kinds by root and content: %s", (text, kind) => {
    expect(verdict(text)?.kind).toBe(kind);
  });
});

test("the tally names and counts, and fails for the first fault", () => {
  const tally = new Tally();
  const [bad] = read(guest("<cpuu/>")).map(judge);
  tally.add("good.xml", { kind: "domain", known: true });
  tally.add("other.xml", { kind: "cpudata", known: false });
  if (bad) tally.add("named-invalid.xml", bad);
  expect(tally.failed).toBe(false);
  if (bad) for (let count = 0; count < 60; count++) tally.add(`${count}.xml`, bad);
  tally.add("lost-invalid.xml", { kind: "domain", known: true, fault: "lost" });
  tally.fail("broken.xml", "XML is malformed");
  expect(tally.failed).toBe(true);
  const lines = tally.report();
  expect(lines.slice(49)).toEqual([
    "49.xml: not known: /domain: <cpuu> is gone",
    "and 12 more",
    "not readable as XML: 1",
    "unknown root <cpudata>: 1, not judged",
    "domain: 2 of 63",
    "kept, as libvirt's schema is to refuse it: named-invalid.xml: not known: /domain: <cpuu> is gone",
    "2 of 63 round-trip",
  ]);
});
