import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";

/** What the first line of a bundle tells a V8 of that version. */
function flagsFor(bundle: string, v8: string): readonly string[] {
  const [head = ""] = readFileSync(join(__dirname, "../../../dist", bundle), "utf8").split("\n", 1);
  const flags: string[] = [];
  const setFlagsFromString = (flag: string) => flags.push(flag);
  runInNewContext(head, { process: { versions: { v8 } }, require: () => ({ setFlagsFromString }) });
  return flags;
}

// A V8 that does not know a flag says so to the user in every deployment.
test.each(["sdk/index.js", "provider/index.js"])("%s sets a flag of V8 on Node 20 alone", (bundle) => {
  expect(flagsFor(bundle, "11.3.244.8-node.46")).toEqual(["--interrupt-budget=1000000"]);
  for (const newer of ["12.4.254.21-node.33", "13.6.233.10-node.28", "14.3.127.18-node.10"]) {
    expect(flagsFor(bundle, newer)).toEqual([]);
  }
});
