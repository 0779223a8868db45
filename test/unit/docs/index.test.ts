import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

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
