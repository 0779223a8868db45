// npm test [-- SUITE...]: set-up, then every suite (or those named), then one line that counts all of them.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./setup/cache.mjs";

const suites = createRequire(import.meta.url)("../jest.config.cjs").projects.map(({ displayName }) => displayName);
/** Waits for its hosts most of the time, as long as all others together take, which run in turn beside it. */
const longest = "lab";
/** They keep times: one file at a time. */
const serial = ["lab", "engine", "lab-newer"];
const named = process.argv.slice(2).filter((name) => !name.startsWith("-"));

const unknown = named.filter((name) => !suites.includes(name));
if (unknown.length > 0) {
  console.error(`There is no suite ${unknown.join(", ")}; there are ${suites.join(", ")}.`);
  process.exit(2);
}

const { setUp } = await import("./setup/index.mjs");
const chosen = named.length > 0 ? named : suites;
const environment = await setUp({ lab: chosen.some((suite) => suite.startsWith("lab")) });
const allowedSkips = JSON.parse(readFileSync(join(root, "test/skips.json"), "utf8"));
const total = { passed: 0, failed: 0, skipped: 0 };

const [alone, others] = [chosen.filter((suite) => suite === longest), chosen.filter((suite) => suite !== longest)];
await Promise.all([inTurn(alone), inTurn(others)]);

console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exit(total.failed > 0 ? 1 : 0);

async function inTurn(some) {
  for (const suite of some) await counted(suite);
}

async function counted(suite) {
  const started = Date.now();
  const count = await run(suite);
  for (const key of Object.keys(total)) total[key] += count[key];
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(
    `suite ${suite}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${seconds} s`,
  );
}

/** Runs one suite and counts from jest's JSON; a suite that says nothing has failed. */
async function run(suite) {
  const folder = mkdtempSync(join(tmpdir(), "kvm-test-"));
  const report = join(folder, "report.json");
  try {
    const code = await jest(suite, report);
    if (!existsSync(report)) return failure(suite, `ended with ${code} and left no report`);
    const found = JSON.parse(readFileSync(report, "utf8"));
    return found.testResults.length > 0 ? countOf(suite, found) : failure(suite, "has no test files");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jest(suite, report) {
  const words = [
    "node_modules/jest/bin/jest.js",
    "--selectProjects",
    suite,
    "--json",
    `--outputFile=${report}`,
    ...(serial.includes(suite) ? ["--runInBand"] : []),
  ];
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve) => child.on("close", resolve));
}

function countOf(suite, report) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    if (file.assertionResults.length === 0) Object.assign(count, { failed: count.failed + 1 });
    for (const test of file.assertionResults) {
      const name = `${suite}: ${test.fullName}`;
      if (test.status === "passed") count.passed++;
      else if (test.status === "failed") count.failed++;
      else if (allowedSkips[name] === undefined) {
        console.log(`  FAILED ${name}: skipped without a reason in test/skips.json`);
        count.failed++;
      } else {
        console.log(`  skipped ${name}: ${allowedSkips[name]}`);
        count.skipped++;
      }
    }
  }
  return count;
}

function failure(suite, reason) {
  console.log(`  FAILED suite ${suite}: ${reason}`);
  return { passed: 0, failed: 1, skipped: 0 };
}
