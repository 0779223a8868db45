import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { resolveSshConfig } from "../../../provider/transport/ssh-config";
import { makeFolder } from "./sshd";

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  mkdirSync(join(folder, "conf.d"));
  writeFileSync(
    join(folder, "config"),
    `# first value wins
Include ${folder}/conf.d/*.conf
Host rack?
  HostName %h.example
  IdentityFile ~/.ssh/%n_%r
  IdentityFile "${folder}/key with space"
  ProxyJump bastion
  UserKnownHostsFile ${folder}/kh1 ${folder}/kh2
Host rack1
  Include ${folder}/one
  User late
Host bastion
  Include ${folder}/one
Host command
  ProxyCommand nc %h %p
  IdentityAgent none
Host *
  User everyone
  StrictHostKeyChecking accept-new
`,
  );
  writeFileSync(
    join(folder, "conf.d", "a.conf"),
    "Host rack1\n  Port 2201\n  IdentitiesOnly yes\nHost other\n  Port 1\n",
  );
  writeFileSync(join(folder, "conf.d", "b.txt"), "Host *\n  Port 9\n");
  writeFileSync(join(folder, "one"), "HostKeyAlias from-include\n");
});

afterAll(() => rmSync(folder, { recursive: true }));

// The same answers from the ssh binary and from our own reading of the files.
describe.each([
  ["ssh -G", undefined],
  ["our own reader", "none"],
])("%s", (_, binary) => {
  const resolve = (alias: string, changes: object = {}) =>
    resolveSshConfig({ alias, file: join(folder, "config"), binary, ...changes });

  test("a host with includes, patterns and tokens", async () => {
    expect(await resolve("rack1")).toMatchObject({
      hostName: "rack1.example",
      port: 2201,
      user: "late",
      identitiesOnly: true,
      identityConfigured: true,
      identityFiles: [join(homedir(), ".ssh/rack1_late"), `${folder}/key with space`],
      proxyJump: "bastion",
      userKnownHosts: [`${folder}/kh1`, `${folder}/kh2`],
      acceptNew: true,
      hostKeyAlias: "from-include",
    });
  });

  test("an Include in a block of another host has no effect", async () => {
    expect(await resolve("rack2")).toMatchObject({ port: 22, user: "everyone", hostKeyAlias: undefined });
    expect(await resolve("bastion")).toMatchObject({ hostKeyAlias: "from-include", proxyJump: undefined });
  });

  test("user and port of the URI win", async () => {
    expect(await resolve("rack1", { user: "root", port: 22 })).toMatchObject({ user: "root", port: 22 });
  });

  test("a command and no agent", async () => {
    const settings = await resolve("command");
    expect(settings.proxyCommand).toBe("nc %h %p");
    expect(settings.agent).toBeUndefined();
  });

  test("an unknown host gets OpenSSH's defaults", async () => {
    const settings = await resolve("elsewhere", { file: "none" });
    expect(settings).toMatchObject({ hostName: "elsewhere", port: 22, identityConfigured: false, acceptNew: false });
    expect(settings.identityFiles).toContain(join(homedir(), ".ssh/id_ed25519"));
    expect(settings.userKnownHosts[0]).toBe(join(homedir(), ".ssh/known_hosts"));
    expect(settings.globalKnownHosts[0]).toBe("/etc/ssh/ssh_known_hosts");
  });
});

test("a broken configuration is reported with the line", async () => {
  const file = join(folder, "broken");
  writeFileSync(file, "Host *\n  NoSuchKeyword yes\n");
  await expect(resolveSshConfig({ alias: "x", file })).rejects.toMatchObject({
    code: "invalid",
    reason: expect.stringContaining("line 2"),
  });
});

test("includes in a circle are reported", async () => {
  const file = join(folder, "circle");
  writeFileSync(file, `Include ${file}\n`);
  await expect(resolveSshConfig({ alias: "x", file, binary: "none" })).rejects.toMatchObject({ code: "invalid" });
});
