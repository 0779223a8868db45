import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's mirror, as this machine is set up to use it. */
function mirror(): string {
  const files = [
    "/etc/apt/sources.list",
    ...readdirSync("/etc/apt/sources.list.d").map((name) => `/etc/apt/sources.list.d/${name}`),
  ];
  const text = files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const found = /(?:^URIs:\s*|^deb\s+(?:\[[^\]]*\]\s*)?)(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(text)?.[1];
  if (found === undefined)
    throw new Error("no Debian mirror in /etc/apt/sources.list*; the protocol files come from its source packages");
  return found;
}

/**
 * A folder with those files of a Debian source package that match `wanted`, kept in `cache` under the name `part`.
 * Uses lists of its own: the machine's apt configuration stays as it is.
 */
export function debianSource(name: string, suite: string, cache: string, wanted: string, part: string): string {
  const folder = join(cache, "sources", `${name}-${suite}-${part}`);
  if (existsSync(folder)) return folder;
  const work = mkdtempSync(join(tmpdir(), "kvm-source-"));
  try {
    for (const path of ["lists/partial", "cache/archives/partial", "download"])
      mkdirSync(join(work, path), { recursive: true });
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(join(work, "sources.list"), `deb-src [signed-by=${keyring}] ${mirror()} ${suite} main\n`);
    const settings = [
      ["Dir::Etc::sourcelist", join(work, "sources.list")],
      ["Dir::Etc::sourceparts", "-"],
      ["Dir::State::lists", join(work, "lists")],
      ["Dir::Cache", join(work, "cache")],
      ["APT::Sandbox::User", "root"],
    ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
    const apt = (...words: readonly string[]) =>
      execFileSync("apt-get", ["-qq", ...settings, ...words], {
        cwd: join(work, "download"),
        stdio: ["ignore", "ignore", "pipe"],
      });
    apt("update");
    const archive = upstreamArchive(work, () => apt("source", "--download-only", name));
    const tree = join(work, "tree");
    mkdirSync(tree);
    execFileSync("tar", [
      "-xf",
      join(work, "download", archive),
      "-C",
      tree,
      "--strip-components=1",
      "--wildcards",
      wanted,
    ]);
    mkdirSync(join(cache, "sources"), { recursive: true });
    const complete = `${folder}.${process.pid}`;
    execFileSync("cp", ["-r", tree, complete]);
    // Another run may have been faster; both hold the same.
    if (existsSync(folder)) rmSync(complete, { recursive: true });
    else renameSync(complete, folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A mirror may lack the signature or the packaging of the newest revision; the upstream archive is all that is read. */
function upstreamArchive(work: string, download: () => void): string {
  const find = () => readdirSync(join(work, "download")).find((file) => /\.orig\.tar\.\w+$/.test(file));
  try {
    download();
  } catch (error) {
    const found = find();
    if (found === undefined) throw error;
    return found;
  }
  const found = find();
  if (found === undefined) throw new Error("the source package holds no .orig archive");
  return found;
}
