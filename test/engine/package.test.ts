import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lab, startLab } from "../lab/lab";
import { run } from "../lab/processes";
import { withStack } from "./pulumi";

const minutes = 60_000;
const root = join(__dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "kvm-packed-"));
let lab: Lab;

/** What a user's program looks like; a wrong type in it must not pass. */
const program = `import * as pulumi from "@pulumi/pulumi";
import * as kvm from "pulumi-kvm";

const host = new kvm.Host("rack1", { uri: new pulumi.Config().require("hostUri") });
const network = new kvm.Network("lan", { host, subnets: ["10.60.0.0/24"] });
export const uuid: pulumi.Output<string> = network.uuid;
// @ts-expect-error the mode is one of five words
const wrong: kvm.NetworkArgs = { host, mode: "bridged" };
`;

beforeAll(async () => {
  lab = await startLab();
  await install();
}, 5 * minutes);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await lab.stop();
}, minutes);

/** An empty project outside of the repository, with the packed package and what a program needs beside it. */
async function install(): Promise<void> {
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const { stdout } = await run(["npm", "pack", "--silent", "--pack-destination", folder, root]);
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const versions = Object.entries<string>(devDependencies);
  const wanted = versions.filter(([name]) => ["@pulumi/pulumi", "typescript", "ts-node", "@types/node"].includes(name));
  const dependencies = { ...Object.fromEntries(wanted), "pulumi-kvm": `file:${stdout.trim()}` };
  write("package.json", JSON.stringify({ name: "empty", private: true, main: "index.ts", dependencies }));
  write("Pulumi.yaml", "name: packed\nruntime: nodejs\n");
  const compilerOptions = {
    target: "ES2022",
    module: "node16",
    moduleResolution: "node16",
    strict: true,
    noEmit: true,
  };
  write(
    "tsconfig.json",
    JSON.stringify({ compilerOptions: { ...compilerOptions, types: ["node"] }, files: ["index.ts"] }),
  );
  write("index.ts", program);
  await run(["npm", "install", "--prefix", folder, "--prefer-offline", "--no-audit", "--no-fund", "--silent"]);
}

async function inFolder(...words: string[]): Promise<string> {
  return (await run(["env", "-C", folder, ...words])).stdout;
}

test("the package holds what it needs to run, and nothing else", async () => {
  const files = (
    await inFolder("sh", "-c", "cd node_modules/pulumi-kvm && find . -type f -not -path './node_modules/*'")
  )
    .trim()
    .split("\n");
  expect(files).toEqual(
    expect.arrayContaining([
      "./dist/sdk/index.d.ts",
      "./dist/provider/index.js",
      "./docs/guides/tuning.md",
      "./LICENSE",
    ]),
  );
  expect(
    files.filter((file) => !/^\.\/(dist\/|docs\/|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(file)),
  ).toEqual([]);
});

test(
  "its types hold in a strict program, and in the quick start",
  async () => {
    await inFolder("node_modules/.bin/tsc");
    await run([join(root, "node_modules/.bin/tsc"), "-p", join(root, "examples/quickstart")]);
  },
  minutes,
);

test(
  "a program that loads only pulumi-kvm loads neither the client nor what it is made of",
  async () => {
    const script = 'require("pulumi-kvm"); console.log(Object.keys(require.cache).join("\\n"))';
    const loaded = (await inFolder("node", "-e", script)).split("\n");
    const ours = loaded.filter((file) => file.includes("/pulumi-kvm/dist/"));
    expect(ours).toEqual([expect.stringContaining("/dist/sdk/index.js")]);
    expect(loaded.filter((file) => /node_modules\/(ssh2|zod|fast-xml-parser|yaml|ssh-config)\//.test(file))).toEqual(
      [],
    );
  },
  minutes,
);

test(
  "it deploys, and a newer release of it changes nothing and can destroy",
  async () => {
    const environment = { PULUMI_KVM_SDK_ROOT: folder };
    await withStack({ program: folder, config: { hostUri: lab.host.uri }, environment }, async (stack) => {
      await stack.up();
      const { uuid } = await stack.outputs();
      expect((await lab.host.virsh("net-list", "--all", "--uuid")).trim()).toBe(uuid);
      for (const file of ["provider/index.js", "sdk/resource.js", "provider/adapters/dynamic.js"]) {
        appendFileSync(join(folder, "node_modules/pulumi-kvm/dist", file), "\n// a newer release\n");
      }
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");
      await stack.destroy();
      expect((await lab.host.virsh("net-list", "--all", "--uuid")).trim()).toBe("");
    });
  },
  3 * minutes,
);
