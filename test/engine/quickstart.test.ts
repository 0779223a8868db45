import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabHost } from "../lab/host";
import { cacheFolder, type Lab, startLab } from "../lab/lab";
import { waitFor } from "../lab/processes";
import { type Stack, withStack } from "./pulumi";

const root = join(__dirname, "../..");
const minutes = 60_000;
let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, root: ["machine", "trixie"] });
}, minutes);

afterAll(() => lab.stop());

function options(program: string, host: LabHost) {
  return {
    program,
    config: {
      hostUri: host.uri,
      virtType: "qemu",
      image: join(cacheFolder(), "guest/guest.qcow2"),
      serialLog: "/var/log/libvirt/qemu/db-serial.log",
    },
  };
}

async function console(host: LabHost): Promise<string> {
  return (await host.exec("cat /var/log/libvirt/qemu/db-serial.log")).stdout.replaceAll("\r", "");
}

async function says(host: LabHost, wanted: RegExp): Promise<string> {
  let found: RegExpExecArray | null = null;
  await waitFor(`the guest to say ${wanted.source}`, 60, async () => {
    found = wanted.exec(await console(host));
    return found !== null;
  });
  return (found as RegExpExecArray | null)?.[1] ?? "";
}

/** Files that Pulumi names as the places where our objects are made, and all that called them. */
async function positions(stack: Stack): Promise<string[]> {
  const { deployment } = JSON.parse(await stack.state()) as { deployment: { resources: Recorded[] } };
  const ours = deployment.resources.filter(({ type }) => type.startsWith("pulumi-nodejs:dynamic/kvm:"));
  const places = ours.flatMap((object) => [object, ...object.stackTrace].map(({ sourcePosition }) => sourcePosition));
  return [...new Set(places.map((place) => /([^/]+)#\d+,\d+$/.exec(place)?.[1] ?? place))];
}

interface Recorded {
  readonly type: string;
  readonly sourcePosition: string;
  readonly stackTrace: readonly { readonly sourcePosition: string }[];
}

async function leftOnHost(host: LabHost): Promise<string> {
  const left = await host.exec(
    "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name; ls -A /var/lib/libvirt/kvm-quickstart",
  );
  return left.stdout.trim();
}

describe.each([
  ["the root of the repository, on this machine's libvirt", root, 0],
  ["its own folder, on Debian 13's libvirt", join(root, "examples/quickstart"), 1],
])("the quick start from %s", (_place, program, index) => {
  it(
    "brings a guest up as planned, changes nothing twice, swaps the cloud-init medium live, and leaves nothing",
    async () => {
      const host = lab.hosts[index] ?? lab.host;
      await withStack(options(program, host), async (stack) => {
        await stack.upAsPlanned();
        const { ip, uuid } = await stack.outputs();
        expect(ip).toMatch(/^10\.20\.0\.\d+$/);
        expect(await says(host, /GUEST-READY .* address (\S+),/)).toBe(ip);
        const boot = await says(host, /GUEST-BOOT (\S+)/);

        expect(await positions(stack)).toEqual(["index.ts"]);

        await stack.upWithoutChanges();
        await stack.refresh("--expect-no-changes");

        await stack.setConfig("hostname", "renamed");
        await stack.upAsPlanned();
        const medium = await says(host, /GUEST-MEDIUM (.*hostname=renamed.*)/);
        expect(medium).toContain(`boot=${boot}`);
        expect((await stack.outputs())["uuid"]).toBe(uuid);
        const isos = await host.exec("ls /var/lib/libvirt/kvm-quickstart/*.iso | wc -l");
        expect(isos.stdout.trim()).toBe("1");

        await stack.upWithoutChanges();
        await stack.destroy();
        expect(await leftOnHost(host)).toBe("");
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
      await withStack({ ...options(program, lab.host), secrets: { password } }, async (stack) => {
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
