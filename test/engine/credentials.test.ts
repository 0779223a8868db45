import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Lab, startLab } from "../lab/lab";
import { run } from "../lab/processes";
import { Program } from "./program";
import { withStack } from "./pulumi";

const minutes = 60_000;
let lab: Lab;
const program = new Program();

beforeAll(async () => {
  lab = await startLab();
}, minutes);

afterAll(async () => {
  program.remove();
  await lab.stop();
});

/** What the CLI says of a Host with these arguments; the stack must be left empty. */
async function refusal(args: Readonly<Record<string, string>>): Promise<string> {
  program.body = `new kvm.Host("rack1", ${JSON.stringify(args)});`;
  return withStack({ program: program.folder }, async (stack) => {
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(await stack.state()).not.toContain("kvm:Host");
    return output;
  });
}

function uri(keyfile: string, knownHosts: string, port = lab.host.sshPort): string {
  return `qemu+ssh://root@127.0.0.1:${port}/system?keyfile=${keyfile}&known_hosts=${knownHosts}`;
}

test(
  "an unknown host key is refused with its fingerprint and the line to add",
  async () => {
    const empty = join(lab.folder, "empty_known_hosts");
    writeFileSync(empty, "");
    const output = await refusal({ uri: uri(lab.host.identityFile, empty) });
    expect(output).toMatch(/SHA256:[A-Za-z0-9+/]{43}/);
    expect(output).toContain(`[127.0.0.1]:${lab.host.sshPort} ssh-ed25519 `);
  },
  minutes,
);

test(
  "a host key other than the pinned one is refused with both",
  async () => {
    const hostKey = `SHA256:${"A".repeat(43)}`;
    const output = await refusal({ uri: uri(lab.host.identityFile, lab.host.knownHosts), hostKey });
    expect(output).toContain(hostKey);
    expect(output.match(/SHA256:[A-Za-z0-9+/]{43}/g)?.length).toBeGreaterThan(1);
  },
  minutes,
);

test(
  "a key that the host does not take is named",
  async () => {
    const stranger = join(lab.folder, "stranger");
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger]);
    const output = await refusal({ uri: uri(stranger, lab.host.knownHosts) });
    expect(output).toContain(stranger);
    expect(output).not.toMatch(/^\s+at .*\.js:\d+/m);
  },
  minutes,
);

test(
  "a port where nobody listens is said to refuse the connection",
  async () => {
    const output = await refusal({ uri: uri(lab.host.identityFile, lab.host.knownHosts, 9) });
    expect(output).toMatch(/127\.0\.0\.1.*(ECONNREFUSED|refused)/s);
  },
  minutes,
);
