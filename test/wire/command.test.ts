import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const command = join(__dirname, "../../dist/provider/command/index.js");

/** Runs the command as it is shipped, and closes what it writes into before it has begun. */
test("a reader that goes does not fail the command", async () => {
  const child = spawn("node", [command, "plan", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  const [notes, code] = await Promise.all([text(child.stderr), new Promise((resolve) => child.on("close", resolve))]);
  expect({ notes, code }).toEqual({ notes: "", code: 0 });
});

test("a result that cannot be written is a failure, in one line", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn("node", [command, "plan", "--help"], { stdio: ["ignore", full, "pipe"] });
  const [notes, code] = await Promise.all([
    text(child.stderr as NonNullable<typeof child.stderr>),
    new Promise((resolve) => child.on("close", resolve)),
  ]);
  expect({ notes, code }).toEqual({ notes: expect.stringMatching(/^cannot write the result: ENOSPC.*\n$/), code: 1 });
});
