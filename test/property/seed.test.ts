import * as fc from "fast-check";
import { parse } from "yaml";
import { renderYaml } from "../../provider/seed/cloud-yaml";

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }).filter((value) => !/\p{Surrogate}/u.test(value)),
  fc
    .array(
      fc.constantFrom(
        "\n",
        " ",
        "\t",
        ":",
        "#",
        "- ",
        "'",
        '"',
        "|",
        "<<",
        "=",
        "x",
        "\u0085",
        "\u2028",
        "\r",
        "%",
        "@",
        "é",
        "😀",
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join("")),
  fc.constantFrom(
    "yes",
    "No",
    "on",
    "null",
    "~",
    "0644",
    "0o17",
    "1:30",
    "2001-01-01",
    ".5",
    "1e3",
    "0x1F",
    "1_000",
    "=",
    "<<",
    "---",
    "...",
  ),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
}));
const mapping = fc.dictionary(text, value, { maxKeys: 5 });

describe("renderYaml", () => {
  it.each(["1.1", "1.2"] as const)("means the same to a reader of YAML %s", (version) => {
    fc.assert(
      fc.property(mapping, (data) => {
        const read: unknown = parse(renderYaml(data, "userData"), { version, merge: false });
        expect(JSON.stringify(read)).toBe(JSON.stringify(data));
      }),
      { numRuns: 500 },
    );
  });
});
