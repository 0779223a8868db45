import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface StackOptions {
  /** Folder with the Pulumi.yaml. */
  readonly program: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Default `dev`. */
  readonly name?: string;
  /** Beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each line that the CLI prints, except those of `pulumi stack`. */
  readonly onLine?: (line: string) => void;
}

export interface CliResult {
  readonly code: number;
  /** Standard output and error, in the order in which they came. */
  readonly output: string;
}

/** A stack of a real program, driven by the real CLI, with a backend of its own in a temporary folder. */
export class Stack {
  private readonly folder = mkdtempSync(join(tmpdir(), "kvm-stack-"));
  private readonly environment: NodeJS.ProcessEnv;
  private latest: Promise<unknown> = Promise.resolve();
  name: string;
  /** True once `init` has made it. */
  isThere = false;

  constructor(private readonly options: StackOptions) {
    for (const name of ["home", "state"]) mkdirSync(join(this.folder, name));
    this.name = options.name ?? "dev";
    this.environment = {
      ...process.env,
      ...options.environment,
      PULUMI_HOME: join(this.folder, "home"),
      PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase for tests",
      PULUMI_SKIP_UPDATE_CHECK: "1",
      PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "1",
      // Types are checked by tsc, once, rather than at each run.
      PULUMI_NODEJS_TRANSPILE_ONLY: "true",
      // Node's own warnings would stand in the middle of the engine's output.
      NODE_NO_WARNINGS: "1",
    };
  }

  /** What a shell needs to go on with this stack by hand. */
  get shellEnvironment(): Readonly<Record<string, string>> {
    const wanted = ["PATH", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"];
    return Object.fromEntries(wanted.map((name) => [name, this.environment[name] ?? ""]));
  }

  async init(): Promise<void> {
    await this.must("stack", "init", this.name);
    this.isThere = true;
    for (const [key, value] of Object.entries(this.options.config ?? {})) await this.setConfig(key, value);
    for (const [key, value] of Object.entries(this.options.secrets ?? {})) {
      await this.must("config", "set", "--secret", key, value);
    }
  }

  async rename(name: string): Promise<void> {
    await this.must("stack", "rename", name);
    this.name = name;
  }

  async setConfig(key: string, value: string): Promise<void> {
    await this.must("config", "set", key, value);
  }

  preview(...words: readonly string[]): Promise<CliResult> {
    return this.run("preview", "--diff", ...words);
  }

  /** Deploys; fails the caller when the CLI does. */
  up(...words: readonly string[]): Promise<CliResult> {
    return this.must("up", "--yes", "--skip-preview", ...words);
  }

  /** Deploys no more and nothing else than a preview has planned: Pulumi's update plans, which are experimental. */
  async upAsPlanned(): Promise<void> {
    const plan = join(this.folder, "plan.json");
    await this.must("preview", "--save-plan", plan);
    await this.up("--plan", plan);
  }

  /** Deploys and requires that nothing changes. */
  upWithoutChanges(): Promise<CliResult> {
    return this.must("up", "--yes", "--skip-preview", "--expect-no-changes");
  }

  refresh(...words: readonly string[]): Promise<CliResult> {
    return this.must("refresh", "--yes", "--skip-preview", ...words);
  }

  destroy(...words: readonly string[]): Promise<CliResult> {
    return this.must("destroy", "--yes", "--skip-preview", ...words);
  }

  async outputs(): Promise<Record<string, unknown>> {
    const { output } = await this.must("stack", "output", "--json", "--show-secrets");
    return JSON.parse(output) as Record<string, unknown>;
  }

  /** The state file, as it lies on the disk. */
  async state(): Promise<string> {
    return (await this.must("stack", "export")).output;
  }

  /** Every file of the backend: states, backups and history. */
  stateFiles(): readonly string[] {
    const state = join(this.folder, "state");
    const entries = readdirSync(state, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  /** Runs the CLI and answers whatever it did. One that was interrupted ends first: it holds the stack's lock. */
  async run(...words: readonly string[]): Promise<CliResult> {
    await this.latest.catch(() => undefined);
    return this.start(...words).result;
  }

  /** Starts the CLI, for a test that does something to it. */
  start(...words: readonly string[]): { readonly cli: ChildProcess; readonly result: Promise<CliResult> } {
    const child = spawn("pulumi", [...words, "--non-interactive", ...this.stackFlag(words)], {
      cwd: this.options.program,
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (chunk: Buffer) => {
      output += chunk;
      const lines = String(chunk).split("\n");
      if (words[0] !== "stack") for (const line of lines) if (line.trim() !== "") this.options.onLine?.(line);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const result = new Promise<CliResult>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? 1, output }));
    });
    this.latest = result;
    return { cli: child, result };
  }

  /** Removes the backend and the configuration file that the CLI left beside the program. */
  remove(): void {
    for (const path of this.leftovers) rmSync(path, { recursive: true, force: true });
  }

  /** With `main` the CLI keeps the configuration beside the project file; older ones beside the program. */
  get leftovers(): readonly string[] {
    const { program } = this.options;
    const folders = new Set([program, mainFolder(program)]);
    return [this.folder, ...[...folders].map((folder) => join(folder, `Pulumi.${this.name}.yaml`))];
  }

  private stackFlag(words: readonly string[]): readonly string[] {
    return words[0] === "stack" && words[1] === "init" ? [] : ["--stack", this.name];
  }

  private async must(...words: readonly string[]): Promise<CliResult> {
    const result = await this.run(...words);
    // Who was shown every line does not need them again.
    const said = this.options.onLine && words[0] !== "stack" ? "; what it said stands above" : `:\n${result.output}`;
    if (result.code !== 0) throw new Error(`pulumi ${words.join(" ")} ended with ${result.code}${said}`);
    return result;
  }
}

/** Runs `work` with a fresh stack; whatever happens, the stack is destroyed and its files are removed. */
export async function withStack<T>(options: StackOptions, work: (stack: Stack) => Promise<T>): Promise<T> {
  const stack = new Stack(options);
  try {
    await stack.init();
    try {
      return await work(stack);
    } finally {
      await stack.run("destroy", "--yes", "--skip-preview");
    }
  } finally {
    stack.remove();
  }
}

function mainFolder(program: string): string {
  const main = /^main:\s*(.+)$/m.exec(readFileSync(join(program, "Pulumi.yaml"), "utf8"))?.[1];
  return main === undefined ? program : join(program, main.trim());
}
