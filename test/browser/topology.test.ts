import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../provider/command/commands";
import { run } from "../../provider/command/run";
import { profiles } from "../../provider/tuning/profiles";
import { largeHost, type MadeFiles, singleCell, smallHost } from "../unit/command/made-hosts";
import { Chromium } from "./chromium";
import { contrasts } from "./contrast";

const hosts = { small: smallHost(), large: largeHost(), single: singleCell() } satisfies Record<string, MadeFiles>;
type Name = keyof typeof hosts;
const names = Object.keys(hosts) as Name[];
const pageOf = (name: Name) => join(hosts[name].folder, "page.html");
let browser: Chromium;

beforeAll(async () => {
  const quiet = { result: () => {}, note: () => {} };
  for (const name of names) {
    expect(await run(["topology", ...hosts[name].words, "--html", pageOf(name)], commands, quiet)).toBe(0);
  }
  browser = await Chromium.start();
}, 60_000);

afterAll(async () => {
  await browser.close();
  for (const { folder } of Object.values(hosts)) rmSync(folder, { recursive: true });
});

const active = () =>
  browser.evaluate<string>(
    "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()",
  );

describe.each(names)("the page of the host %s", (name) => {
  it.each([1280, 1024, 768, 360])("does not run over the side of a window of %i pixels", async (width) => {
    await browser.show(pageOf(name), width);
    expect(await browser.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    // Nothing that is drawn is cut off either: every text lies inside its drawing.
    const outside = await browser.evaluate<string[]>(`[...document.querySelectorAll("svg.cell")].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll("text")].filter((text) => {
        const rect = text.getBoundingClientRect();
        return rect.width > 0 && (rect.right > frame.right + 0.5 || rect.left < frame.left || rect.bottom > frame.bottom);
      }).map((text) => text.textContent);
    })`);
    expect(outside).toEqual([]);
    const smallest = await browser.evaluate<number>(`Math.min(...[...document.querySelectorAll("svg.cell")]
      .filter((svg) => svg.getBoundingClientRect().width > 0)
      .map((svg) => 11 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))`);
    expect(smallest).toBeGreaterThanOrEqual(10);
  });

  it.each(["light", "dark"] as const)("has text of enough contrast when %s", async (scheme) => {
    await browser.show(pageOf(name), 1280, scheme);
    const found = await browser.evaluate<{ text: string; ratio: number }[]>(contrasts);
    expect(found.length).toBeGreaterThanOrEqual(4);
    expect(found.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    const [page] = await browser.evaluate<number[]>(
      "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)",
    );
    expect((page ?? 0) > 128).toBe(scheme === "light");
  });

  it("tells a screen reader what is drawn", async () => {
    await browser.show(pageOf(name), 1280);
    const tree = await browser.accessible();
    const named = (role: string) => tree.filter((node) => node.role === role).map((node) => node.name);
    expect(named("heading")).toEqual(
      expect.arrayContaining([
        expect.stringContaining("capabilities.xml"),
        "Room for more",
        "Cells",
        "Guests",
        "Every CPU",
      ]),
    );
    expect(named("main")).toHaveLength(1);
    const rows = await browser.evaluate<string[]>(
      `[...document.querySelectorAll("section[aria-labelledby=h-room] tbody tr")].map((row) => row.cells[0].textContent)`,
    );
    expect(rows).toEqual([...profiles]);
    const cells = tree.filter((node) => node.role === "group" && /^Cell \d+$/.test(node.name));
    expect(cells).toHaveLength({ small: 1, large: 8, single: 1 }[name]);
    for (const cell of cells) expect(cell.description).toMatch(/cores? in .* free; .* of memory/);
    const cores = named("image").filter((text) => text.startsWith("Core: "));
    expect(cores).toHaveLength({ small: 4, large: 128, single: 64 }[name]);
    expect(named("table")).toEqual(
      expect.arrayContaining([expect.stringMatching(/^How many more guests/), "Who owns what"]),
    );
    expect(await browser.evaluate("document.documentElement.lang")).toBe("en");
  });

  it("loads nothing and has no id twice", async () => {
    const text = readFileSync(pageOf(name), "utf8");
    expect(text).not.toMatch(/(?:src|href)=(?!"#)|url\((?!#)|@import|https?:/);
    await browser.show(pageOf(name), 1280);
    expect(await browser.evaluate("performance.getEntriesByType('resource').length")).toBe(0);
    const twice =
      "[...document.querySelectorAll('[id]')].filter(({ id }, at, all) => all.findIndex((one) => one.id === id) !== at).length";
    expect(await browser.evaluate(twice)).toBe(0);
  });
});

it("goes by keyboard: past the drawings, from cell to cell, and inside a cell from core to core", async () => {
  await browser.show(pageOf("large"), 1280);
  await browser.press("Tab");
  expect(await active()).toBe("Skip the drawings");
  expect(await browser.evaluate<number>("document.activeElement.getBoundingClientRect().top")).toBeGreaterThanOrEqual(
    0,
  );
  await browser.press("Tab");
  expect(await active()).toMatch(/^How many more guests/);
  await browser.press("Tab");
  expect(await active()).toBe("Core: CPU 0 housekeeping; CPU 128 housekeeping");
  expect(await browser.evaluate("document.getElementById('detail').textContent")).toBe(await active());
  const ring = "getComputedStyle(document.activeElement.querySelector('.tile')).strokeWidth";
  expect(await browser.evaluate(ring)).toBe("3px");
  await browser.press("ArrowRight");
  await browser.press("ArrowRight");
  expect(await active()).toBe("Core: CPU 2 owned by database-0.example; CPU 130 owned by database-0.example");
  await browser.press("ArrowDown");
  expect(await active()).toBe("Core: CPU 6 owned by database-8.example; CPU 134 owned by database-8.example");
  await browser.press("End");
  expect(await active()).toContain("CPU 15 floated over by web-0");
  await browser.press("ArrowRight");
  expect(await active()).toContain("CPU 15 ");
  await browser.press("Tab");
  expect(await active()).toBe("Core: CPU 16 free; CPU 144 free");
  await browser.press("Tab", 8);
  expect(await active()).toContain("CPU 15 ");
});

it("lets the skip link pass the drawings, and scripts or not every core can be reached", async () => {
  await browser.show(pageOf("large"), 1280);
  await browser.press("Tab");
  await browser.press("Enter");
  await browser.press("Tab");
  expect(await active()).toBe("Who owns what");
  // What the script makes one stop a cell is a stop for each core in the page as it is written.
  const stops = readFileSync(pageOf("large"), "utf8").match(/class="core" role="img" tabindex="0"/g);
  expect(stops).toHaveLength(128);
});

it("shows names of guests as text, whatever they hold", async () => {
  await browser.show(pageOf("small"), 1280);
  const names = await browser.evaluate<string[]>(
    "[...document.querySelectorAll('#guests tbody th')].map((cell) => cell.textContent)",
  );
  expect(names).toEqual(["db", "web & <shop>"]);
});

it("tells owners apart by more than colour, and neighbours by colour as well", async () => {
  await browser.show(pageOf("large"), 1280);
  const marks = await browser.evaluate<{ name: string; fill: string; key: string }[]>(`
    [...document.querySelectorAll(".core")].flatMap((core) => [...core.querySelectorAll(".owned")].map((box, at) => ({
      name: core.getAttribute("aria-label").split("; ")[at].replace(/.* by /, ""),
      fill: box.closest("svg").querySelector("title").textContent + getComputedStyle(box).fill,
      key: core.querySelectorAll(".key")[at].textContent,
    })))`);
  const of = (pick: (mark: (typeof marks)[number]) => string) => new Map(marks.map((mark) => [pick(mark), mark.name]));
  expect(new Set(marks.map(({ name }) => name)).size).toBe(30);
  expect(of(({ key }) => key).size).toBe(30);
  expect(of(({ fill }) => fill).size).toBe(30);
});
