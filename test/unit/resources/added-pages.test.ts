import { formatPages, parsePages, stillThere, withMore } from "../../../provider/resources/added-pages";
import { readRecord, writeRecord } from "../../../provider/resources/placement-record";
import { parse, render } from "../../../provider/schema/tree";
import * as hosts from "../tuning/hosts";

/** A pool of 2 MiB pages of one cell. */
const pools = (total: number, others = 0) => ({
  topology: hosts.host(1, 1, 1, { pages: () => [{ sizeKiB: 2048, total }] }),
  added: [{ cell: 0, sizeKiB: 2048, count: others }],
  claims: [],
});
const own = (count: number, base: number) => ({ cell: 0, sizeKiB: 2048, count, base });

test.each([
  ["all of it", own(32, 10), pools(42), 32],
  ["what is left after somebody took some away", own(32, 10), pools(30), 20],
  ["nothing after a restart of the machine", own(32, 10), pools(10), 0],
  ["nothing that was never added, though others have some", own(32, 10), pools(50, 40), 0],
  ["no more than it was, whoever added more", own(32, 10), pools(500), 32],
])("still there: %s", (_name, pages, found, expected) => {
  expect(stillThere(pages, found)).toBe(expected);
});

test("more on top of what is there is reckoned from the same base", () => {
  expect(withMore([], [own(32, 0)], pools(10))).toEqual([own(32, 10)]);
  expect(withMore([own(32, 10)], [own(8, 0)], pools(42))).toEqual([own(40, 10)]);
  // Those of another guest are no base, and what a restart took away is no more ours.
  expect(withMore([], [own(32, 0)], pools(60, 50))).toEqual([own(32, 10)]);
  expect(withMore([own(32, 10)], [own(32, 0)], pools(0))).toEqual([own(32, 0)]);
  expect(withMore([own(32, 10)], [], pools(42))).toEqual([own(32, 10)]);
});

test("the record carries them; whatever else stands there says nothing", () => {
  const pages = [own(32, 10), { cell: 1, sizeKiB: 1048576, count: 2, base: 0 }];
  expect(parsePages(formatPages(pages))).toEqual(pages);
  expect(parsePages("0:2048:x:1 1:2 3:4:5:6")).toEqual([{ cell: 3, sizeKiB: 4, count: 5, base: 6 }]);
  const document = parse("<domain/>");
  writeRecord(document, { smt: "any", owned: [], shared: [], apart: "db", pages });
  expect(readRecord(parse(render(document)))).toEqual({ smt: "any", owned: [], shared: [], apart: "db", pages });
});
