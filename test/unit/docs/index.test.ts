import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const docs = join(__dirname, "../../../docs");
const links = [...readFileSync(join(docs, "README.md"), "utf8").matchAll(/\]\(([^)]+)\)/g)].map(
  ([, link = ""]) => link,
);

test("the index of the documentation links every page, and nothing that is not there", () => {
  const pages = ["adr", "guides", "resources", "schema"].flatMap((folder) =>
    readdirSync(join(docs, folder)).map((page) => `${folder}/${page}`),
  );
  expect(links).toEqual(expect.arrayContaining(pages));
  expect(links.filter((link) => !existsSync(join(docs, link)))).toEqual([]);
});

/** The anchor that GitHub gives to a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

test("links between pages lead to files and headings that are there", () => {
  const root = join(docs, "..");
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(docs, "guides")).map((page) => `docs/guides/${page}`),
    ...readdirSync(join(root, "examples")).map((name) => `examples/${name}/README.md`),
  ];
  const broken = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .filter(([, file = "", heading]) => {
        const target = file === "" ? join(root, page) : join(root, dirname(page), file);
        if (!existsSync(target)) return true;
        if (heading === undefined) return false;
        return ![...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)].some(
          ([, own = ""]) => anchor(own) === heading,
        );
      })
      .map(([link]) => `${page}: ${link}`);
  });
  expect(broken).toEqual([]);
});

test("each example has a README, which names every setting that its program reads", () => {
  const examples = join(docs, "../examples");
  const missing = readdirSync(examples).flatMap((name) => {
    const readme = join(examples, name, "README.md");
    const text = existsSync(readme) ? readFileSync(readme, "utf8") : "";
    const asked = readFileSync(join(examples, name, "index.ts"), "utf8").matchAll(
      /(?:config\.\w+(?:<[^>]*>+)?|medium)\("(\w+)"/g,
    );
    return [...new Set([...asked].map(([, setting = ""]) => setting))]
      .filter((setting) => !text.includes(`\`${setting}\``))
      .map((setting) => `${name}: ${setting}`);
  });
  expect(missing).toEqual([]);
});
