import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { takeHost } from "../../provider/command/import/take-host";
import type { Context } from "../../provider/core/handler";
import { styles } from "../foreign/host";
import { documentedHost } from "../foreign/libvirt";

const regenerate = process.env["UPDATE_GOLDEN"] === "1";
const target = { organization: "organization", project: "rack1", stack: "dev" };

/** What `pulumi-kvm import` writes for one domain of that style and all else that is on the host. */
async function taken(style: string, adopt = false) {
  const libvirt = documentedHost(readFileSync(join(__dirname, "import", `${style}.xml`), "utf8"));
  const fail = (message: string) => {
    throw new Error(message);
  };
  const context = { connect: async () => libvirt, progress: fail, warn: fail, info: fail } as unknown as Context;
  return takeHost({ uri: libvirt.uri }, { filter: "*", adopt, target }, context);
}

function compare(name: string, text: string): void {
  const file = join(__dirname, "import", name);
  if (regenerate) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
}

test.each(styles)("%s becomes a program and an import file", async (style) => {
  const { program, file, left, unsaid, unsettled } = await taken(style);
  expect(unsettled).toEqual([]);
  const notes = [...left, ...unsaid].map(({ object, reasons }) => `// ${object}: ${reasons.join("; ")}\n`);
  compare(`${style}.program`, program.text + notes.join(""));
  // The host's own state is another golden's; the mark of the deployment is made anew each time.
  const { resources } = JSON.parse(file ?? "{}");
  const others = resources.filter(({ type }: { readonly type: string }) => !type.endsWith(":Host"));
  const steady = (name: string, value: unknown) => (name === "facts" || name === "owner" ? undefined : value);
  compare(`${style}.import`, `${JSON.stringify(others, steady, 2)}\n`);
});

test("every program is TypeScript that the types of the SDK accept", () => {
  const root = join(__dirname, "../..");
  const folder = mkdtempSync(join(tmpdir(), "kvm-import-"));
  try {
    const files = styles.map((style) => {
      const file = join(folder, `${style}.ts`);
      writeFileSync(file, readFileSync(join(__dirname, "import", `${style}.program`)));
      return file;
    });
    const program = ts.createProgram(files, {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
      paths: {
        "pulumi-kvm": [join(root, "sdk/index.ts")],
        "@pulumi/pulumi": [join(root, "node_modules/@pulumi/pulumi")],
      },
    });
    const faults = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
    expect(faults).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
