import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { waitFor } from "../lab/processes";
import { type Stack, withStack } from "./pulumi";

const root = join(__dirname, "../..");
const minutes = 60_000;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
}, minutes);

afterAll(() => lab.stop());

function options(program: string) {
  return {
    program,
    config: {
      hostUri: lab.host.uri,
      virtType: "qemu",
      image: join(cacheFolder(), "guest/guest.qcow2"),
      serialLog: "/var/log/libvirt/qemu/db-serial.log",
    },
  };
}

async function console(): Promise<string> {
  return (await lab.host.exec("cat /var/log/libvirt/qemu/db-serial.log")).stdout.replaceAll("\r", "");
}

async function says(wanted: RegExp): Promise<string> {
  let found: RegExpExecArray | null = null;
  await waitFor(`the guest to say ${wanted.source}`, 60, async () => {
    found = wanted.exec(await console());
    return found !== null;
  });
  return (found as RegExpExecArray | null)?.[1] ?? "";
}

async function leftOnHost(): Promise<string> {
  const left = await lab.host.exec(
    "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name; ls -A /var/lib/libvirt/kvm-quickstart",
  );
  return left.stdout.trim();
}

describe.each([
  ["the root of the repository", root],
  ["its own folder", join(root, "examples/quickstart")],
])("the quick start from %s", (_place, program) => {
  it(
    "brings a guest up, changes nothing twice, swaps the cloud-init medium live, and leaves nothing",
    async () => {
      await withStack(options(program), async (stack) => {
        await stack.up();
        const { ip, uuid } = await stack.outputs();
        expect(ip).toMatch(/^10\.20\.0\.\d+$/);
        expect(await says(/GUEST-READY .* address (\S+),/)).toBe(ip);
        const boot = await says(/GUEST-BOOT (\S+)/);

        await stack.upWithoutChanges();
        await stack.refresh("--expect-no-changes");

        await stack.setConfig("hostname", "renamed");
        await stack.up();
        const medium = await says(/GUEST-MEDIUM (.*hostname=renamed.*)/);
        expect(medium).toContain(`boot=${boot}`);
        expect((await stack.outputs())["uuid"]).toBe(uuid);
        const isos = await lab.host.exec("ls /var/lib/libvirt/kvm-quickstart/*.iso | wc -l");
        expect(isos.stdout.trim()).toBe("1");

        await stack.upWithoutChanges();
        await stack.destroy();
        expect(await leftOnHost()).toBe("");
      });
    },
    4 * minutes,
  );
});

describe("secrets", () => {
  const password = "a-password-that-nobody-may-read";

  async function expectSealed(stack: Stack): Promise<void> {
    expect(await stack.state()).not.toContain(password);
    expect(
      stack
        .stateFiles()
        .map((file) => readFileSync(file, "utf8"))
        .join("\n"),
    ).not.toContain(password);
  }

  it(
    "stay secret in the state after create, update and refresh",
    async () => {
      const program = join(root, "examples/quickstart");
      await withStack({ ...options(program), secrets: { password } }, async (stack) => {
        await stack.up();
        await expectSealed(stack);
        await stack.refresh();
        await expectSealed(stack);
        await stack.setConfig("hostname", "another");
        await stack.up();
        await expectSealed(stack);
        await stack.destroy();
      });
    },
    3 * minutes,
  );
});
