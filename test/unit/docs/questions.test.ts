import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ts from "typescript";

const guide = readFileSync(join(__dirname, "../../../docs/guides/questions.md"), "utf8");

/** What the example loads: the tests of Node's runner are tests of this file. */
const modules: Record<string, () => unknown> = {
  "@pulumi/pulumi": () => require("@pulumi/pulumi"),
  "pulumi-kvm": () => require("../../../sdk"),
  "node:assert": () => require("node:assert"),
  "node:test": () => ({ before: beforeAll, test }),
  "./infra": () => run("infra.ts"),
};

/** Runs the example whose first line names that file, and gives what it exports. */
function run(file: string): unknown {
  const [, text] = guide.match(new RegExp(`\\n\`\`\`ts\\n// ${file.replace(".", "\\.")}\\n(.*?)\\n\`\`\``, "s")) ?? [];
  if (text === undefined) throw new Error(`the guide has no ${file}`);
  // As the examples and the programs of `pulumi-kvm import` are compiled: `import()` stays what it is there.
  const compilerOptions = { module: ts.ModuleKind.Node16, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  const exports = {};
  new Function("require", "exports", outputText)((name: string) => modules[name]?.(), exports);
  return exports;
}

describe("the example of a unit test", () => {
  run("infra.test.ts");
});
