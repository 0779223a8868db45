import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../command";

/** The folder of a Pulumi project, which may not exist yet. */
export class Project {
  constructor(readonly folder: string) {}

  /** Name of the project: that of its Pulumi.yaml, else of what the host is called. */
  name(fallback: string): string {
    const found = /^name:\s*["']?([^"'\s#]+)/m.exec(this.read("Pulumi.yaml") ?? "")?.[1];
    return found ?? fallback.replace(/[^A-Za-z0-9_.-]+/g, "-");
  }

  /** Refuses to go on where one of the files is there already. */
  requireFree(names: readonly string[]): void {
    const taken = names.filter((name) => existsSync(join(this.folder, name)));
    if (taken.length === 0) return;
    throw new UsageError(
      `${taken.map((name) => join(this.folder, name)).join(" and ")} would be overwritten; nothing was written. Move it away, or name another folder with --out`,
    );
  }

  /** Writes the file, readable by nobody else where it holds secrets. */
  write(name: string, text: string, isSecret = false): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, name), text, { flag: "wx", mode: isSecret ? 0o600 : 0o644 });
  }

  /** Makes of the folder a project that can be installed and run; what is there stays as it is. */
  complete(name: string, version: string): readonly string[] {
    const files: Readonly<Record<string, string>> = {
      "Pulumi.yaml": `name: ${name}\nruntime: nodejs\n`,
      "package.json": json({
        name,
        private: true,
        main: "index.ts",
        dependencies: { "@pulumi/pulumi": "^3.216.0", "pulumi-kvm": version },
        devDependencies: { "@types/node": "^20", "ts-node": "^10.9.2", typescript: "^6.0.3" },
      }),
      "tsconfig.json": json({
        compilerOptions: {
          target: "ES2022",
          module: "node16",
          moduleResolution: "node16",
          strict: true,
          types: ["node"],
          skipLibCheck: true,
          noEmit: true,
        },
        files: ["index.ts"],
      }),
    };
    const missing = Object.keys(files).filter((file) => !existsSync(join(this.folder, file)));
    for (const file of missing) this.write(file, files[file] ?? "");
    return missing;
  }

  private read(name: string): string | undefined {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
