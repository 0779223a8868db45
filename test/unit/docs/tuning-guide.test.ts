import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(__dirname, "../../..");
const file = join(root, "docs/guides/tuning.md");
const guide = readFileSync(file, "utf8");
const reference = ["virtual-machine", "host"].map((name) =>
  readFileSync(join(root, `docs/resources/${name}.md`), "utf8"),
);
const known = new Set(reference.flatMap((text) => [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name)));
/** Values that stand in the tables of knobs beside the names of arguments. */
const values = /^(?:hpet|io_uring|native|strict|fifo|passthrough|host-passthrough|host-model|none)$/;

it("names arguments that there are", () => {
  const rows = guide.split("\n").filter((line) => line.startsWith("| `"));
  const names = rows.flatMap((row) => {
    const [, knobs = ""] = row.split("|");
    return [...knobs.matchAll(/`([\w.*]+)/g)].map(([, name = ""]) => name);
  });
  const unknown = names
    .flatMap((name) => name.split("."))
    .filter((part) => part !== "*" && part !== "false" && !known.has(part) && !values.test(part));
  expect(names.length).toBeGreaterThan(20);
  expect(unknown).toEqual([]);
});

it("links to files that there are", () => {
  const links = [...guide.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(1);
  expect(links.filter((link) => !existsSync(join(dirname(file), link)))).toEqual([]);
});

it("says of every figure who measured it", () => {
  const [, section = ""] = guide.split("## What is known");
  const rows = (section.split("## ")[0] ?? "").split("\n").filter((line) => /^\| [^-c]/.test(line));
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows)
    expect(
      row
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, 5)
        .every((cell) => cell !== ""),
    ).toBe(true);
});
