import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(__dirname, "../..");

/** A program in a folder of its own, whose text changes from one `up` to the next. */
export class Program {
  readonly folder = mkdtempSync(join(tmpdir(), "kvm-program-"));

  constructor() {
    this.write("Pulumi.yaml", "name: changes\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n");
    this.write("package.json", JSON.stringify({ name: "changes", private: true, main: "index.js" }));
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
  }

  /** The body of the program; `pulumi`, `kvm` and `config` are there. */
  set body(text: string) {
    const head = ['const pulumi = require("@pulumi/pulumi");', 'const kvm = require("pulumi-kvm");'];
    this.write("index.js", [...head, "const config = new pulumi.Config();", text].join("\n"));
  }

  /** Writes a file beside the program. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
