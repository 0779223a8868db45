import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, reasonOf, TransportError } from "./errors";
import { type SshNames, type SshSettings, settingsFrom } from "./ssh-settings";

// Loaded where there is no ssh binary. Its types are those of its ESM build, what `require` loads is its CommonJS build.
type SshConfig = typeof import("ssh-config", { with: { "resolution-mode": "import" }});
const parse: SshConfig["parse"] = (text) => (require("ssh-config") as SshConfig).parse(text);

/** What is asked of ssh_config. */
export interface SshQuery {
  /** The host as the user wrote it; may be an alias. */
  readonly alias: string;
  /** From the URI; they win over the configuration. */
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  /** ssh_config file instead of the user's and the system's; "none" for no file. */
  readonly file?: string | undefined;
  /** The ssh binary that is asked; "none" never asks one. Default ssh. */
  readonly binary?: string | undefined;
}

const run = promisify(execFile);
const INCLUDE_DEPTH = 16;

/** Settings for one host: from `ssh -G`, which knows every rule, or by our own reading where there is no ssh binary. */
export async function resolveSshConfig(query: SshQuery): Promise<SshSettings> {
  const names: SshNames = { alias: query.alias, user: query.user, port: query.port };
  const answer = query.binary === "none" ? undefined : await askBinary(query);
  return settingsFrom(answer ?? (await readFiles(query)), names);
}

async function askBinary({ alias, user, port, file, binary }: SshQuery): Promise<Map<string, string[]> | undefined> {
  const args = [
    "-G",
    "-T",
    ...(file === undefined ? [] : ["-F", file]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    "--",
    alias,
  ];
  try {
    const { stdout } = await run(binary ?? "ssh", args, { encoding: "utf8", timeout: 20_000 });
    const found = new Map<string, string[]>();
    for (const line of stdout.split("\n")) {
      const [, keyword, value] = /^(\S+) (.*)$/.exec(line) ?? [];
      if (keyword !== undefined && value !== undefined) add(found, keyword, value);
    }
    return found;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new TransportError("invalid", {
      step: "read the ssh configuration for",
      host: alias,
      reason: reasonOf(error).trim(),
      remedy: `try it by hand: ssh -G ${alias}`,
      cause: error,
    });
  }
}

/**
 * Reads the files ourselves. Include and tokens are ours; `Match exec` is never run,
 * and `Match host` looks at the alias instead of the HostName (both exact with the ssh binary).
 */
async function readFiles({ alias, user, file }: SshQuery): Promise<Map<string, string[]>> {
  const own = join(homedir(), ".ssh");
  const files = file === undefined ? [join(own, "config"), "/etc/ssh/ssh_config"] : file === "none" ? [] : [file];
  const found = new Map<string, string[]>();
  // `compute` answers with the user it was asked about, so without one it must find the configured user itself.
  const target = user === undefined ? { Host: alias } : { Host: alias, User: user };
  for (const path of files) {
    const folder = path === "/etc/ssh/ssh_config" ? "/etc/ssh" : own;
    const text = await withIncludes(await textOf(path), folder, target, 0);
    const values = Object.entries(parse(text).compute(target, { ignoreCase: true, matchExec: false }));
    // The first value wins, also over files; identity files add up.
    const fresh = values.filter(([keyword]) => keyword === "identityfile" || !found.has(keyword));
    for (const [keyword, value] of fresh) for (const each of [value].flat()) add(found, keyword, each);
  }
  return found;
}

type Target = { readonly Host: string; readonly User?: string };

/** `text` with each Include replaced by the text of its files, where the block around it applies to the target. */
async function withIncludes(text: string, folder: string, target: Target, depth: number): Promise<string> {
  if (depth > INCLUDE_DEPTH) {
    throw new TransportError("invalid", {
      step: "read the ssh configuration for",
      host: target.Host,
      reason: `Include is nested more than ${INCLUDE_DEPTH} deep`,
      remedy: "remove the circle from the ssh configuration.",
    });
  }
  const lines: string[] = [];
  let block = "Host *";
  for (const line of text.split("\n")) {
    if (/^\s*(host|match)\b/i.test(line)) block = line;
    const [, patterns] = /^\s*include[\s=]+(.*?)\s*$/i.exec(line) ?? [];
    if (patterns === undefined) {
      lines.push(line);
      continue;
    }
    if (!applies(block, target)) continue;
    for (const pattern of patterns.match(/"[^"]*"|\S+/g) ?? []) {
      for (const path of await expandGlob(pattern.replaceAll('"', ""), folder)) {
        lines.push(await withIncludes(await textOf(path), folder, target, depth + 1));
      }
    }
    // What follows belongs to the block that the Include stood in, whatever blocks the file opened.
    lines.push(block);
  }
  return lines.join("\n");
}

function applies(block: string, target: Target): boolean {
  const probe = parse(`${block}\n  Tag applies\n`).compute(target, { ignoreCase: true, matchExec: false });
  return probe["tag"] !== undefined;
}

async function expandGlob(pattern: string, folder: string): Promise<string[]> {
  const home = pattern.replace(/^~(?=\/)/, homedir());
  const path = isAbsolute(home) ? home : join(folder, home);
  if (!/[*?]/.test(basename(path))) return [path];
  const wanted = new RegExp(
    `^${basename(path)
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, ".*")
      .replace(/\?/g, ".")}$`,
  );
  try {
    const names = await readdir(dirname(path));
    return names
      .filter((name) => wanted.test(name) && !name.startsWith("."))
      .sort()
      .map((name) => join(dirname(path), name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "EISDIR") return "";
    throw error;
  }
}

function add(found: Map<string, string[]>, keyword: string, value: string): void {
  found.set(keyword.toLowerCase(), [...(found.get(keyword.toLowerCase()) ?? []), value]);
}
