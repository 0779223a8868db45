import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDialer, type TransportOptions } from "../../../provider/transport/open";
import { type EchoServer, install, makeKey, publicKey, type Sshd, startEcho, startSshd } from "./sshd";

// Real ssh clients and servers, on a machine that may be busy.
jest.setTimeout(30_000);

let bastion: Sshd;
let target: Sshd;
let echo: EchoServer;
let config: string;

beforeAll(async () => {
  [bastion, target] = await Promise.all([startSshd(), startSshd()]);
  echo = await startEcho(join(target.runtime, "libvirt-sock"));
  install(target, "virt-ssh-helper", "exec nc -N -U /run/libvirt/libvirt-sock");
  appendFileSync(target.knownHosts, readFileSync(bastion.knownHosts));
  mkdirSync(join(bastion.folder, "conf.d"));
  config = join(bastion.folder, "config");
  writeFileSync(config, `Include ${bastion.folder}/conf.d/*\n`);
  writeFileSync(
    join(bastion.folder, "conf.d", "hosts"),
    `Host bastion
  HostName 127.0.0.1
  Port ${bastion.port}
  User root
  IdentityFile ${bastion.identityFile}
Host rack1
  HostName 127.0.0.1
  Port ${target.port}
  User root
  IdentityFile ${target.identityFile}
  ProxyJump bastion
Host by-command
  HostName 127.0.0.1
  Port ${target.port}
  User root
  IdentityFile ${target.identityFile}
  ProxyCommand nc %h %p
Host circle
  ProxyJump circle
Host *
  UserKnownHostsFile ${target.knownHosts}
  GlobalKnownHostsFile none
  IdentityAgent none
`,
  );
});

afterAll(async () => {
  await echo.stop();
  await Promise.all([bastion.stop(), target.stop()]);
});

async function echoed(uri: string, changes: Partial<TransportOptions> = {}): Promise<string> {
  const dialer = openDialer({ uri, sshConfig: config, timeout: 10, ...changes });
  try {
    const streams = await Promise.all([dialer.dial(), dialer.dial()]);
    for (const stream of streams) stream.write("hello");
    const words = await Promise.all(streams.map(async (stream) => String((await once(stream, "data"))[0])));
    for (const stream of streams) stream.destroy();
    return `${words.join(" ")} by ${dialer.description}`;
  } finally {
    await dialer.close();
  }
}

describe("ProxyJump", () => {
  test("both logins are made, the second through the first", async () => {
    const way = `root@127.0.0.1:${bastion.port} -> root@127.0.0.1:${target.port}`;
    expect(await echoed("qemu+ssh://rack1/system")).toBe(`hello hello by ssh ${way}`);
  });

  test("the key of the jump host is checked", async () => {
    const onlyTarget = join(target.folder, "only-target");
    writeFileSync(onlyTarget, `[127.0.0.1]:${target.port} ${target.hostKey}\n`);
    await expect(echoed("qemu+ssh://rack1/system", { knownHosts: onlyTarget })).rejects.toMatchObject({
      code: "host-key",
      host: `root@127.0.0.1:${bastion.port}`,
    });
  });

  test("the key of the host behind it is checked", async () => {
    await expect(echoed("qemu+ssh://rack1/system", { knownHosts: bastion.knownHosts })).rejects.toMatchObject({
      code: "host-key",
      host: `root@127.0.0.1:${target.port}`,
    });
    const wrong = publicKey(makeKey(target.folder, "wrong-host"));
    await expect(echoed("qemu+ssh://rack1/system", { hostKey: wrong })).rejects.toMatchObject({ code: "host-key" });
    expect(await echoed("qemu+ssh://rack1/system", { hostKey: target.hostKey })).toContain("hello hello");
  });

  test("a jump host that may not forward is named", async () => {
    await bastion.restart(["AllowTcpForwarding no"]);
    const failure = await echoed("qemu+ssh://rack1/system").catch((error) => error);
    expect(failure).toMatchObject({ code: "refused", remedy: expect.stringContaining("AllowTcpForwarding") });
    await bastion.restart([]);
  });

  test("a circle is found", async () => {
    await expect(echoed("qemu+ssh://circle/system")).rejects.toMatchObject({ code: "invalid" });
  });
});

describe("the system's ssh", () => {
  test("is chosen for a ProxyCommand", async () => {
    expect(await echoed("qemu+ssh://by-command/system")).toBe("hello hello by ssh (system) by-command");
  });

  test("is chosen when the only key is on a security token", async () => {
    const type = "sk-ssh-ed25519@openssh.com";
    const field = (text: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, text.length]), text]);
    const blob = Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, 7)), field(Buffer.from("ssh:"))]);
    const only = join(target.folder, "id_sk");
    writeFileSync(only, `${type} ${blob.toString("base64")}\n`);
    const tokenConfig = join(target.folder, "token-config");
    writeFileSync(tokenConfig, `Host *\n  IdentityFile ${only}\n  IdentityAgent none\n`);
    const failure = await echoed(target.uri(), { sshConfig: tokenConfig, knownHosts: target.knownHosts }).catch(
      (error) => error,
    );
    expect(failure).toMatchObject({ code: "auth", step: "use the system's ssh" });
    const kept = echoed(target.uri({ ssh: "ssh2" }), { sshConfig: tokenConfig, knownHosts: target.knownHosts });
    await expect(kept).rejects.toMatchObject({ code: "auth", reason: expect.stringContaining("security token") });
  });

  test("is chosen on request, and takes options and parameters", async () => {
    const { identityFile, knownHosts } = target;
    const uri = target.uri({ ssh: "openssh" });
    expect(await echoed(uri, { identityFile, knownHosts })).toContain("hello hello by ssh (system)");
    const privateKey = readFileSync(identityFile, "utf8");
    expect(await echoed(uri, { privateKey, hostKey: target.hostKey, sshConfig: "none" })).toContain("hello hello");
  });

  test("a pinned key counts alone, whatever known_hosts would allow", async () => {
    const { identityFile } = target;
    const knownHosts = join(target.folder, "beside-the-pin");
    const wrong = publicKey(makeKey(target.folder, "wrong-pin"));
    const accepting = { known_hosts: knownHosts, known_hosts_verify: "auto" };
    const attempt = (hostKey: string, parameters: Readonly<Record<string, string>>) =>
      echoed(target.uri({ ssh: "openssh", ...parameters }), { identityFile, hostKey, sshConfig: "none" });
    await expect(attempt(wrong, accepting)).rejects.toMatchObject({ code: "host-key" });
    await expect(attempt(wrong, { known_hosts: target.knownHosts })).rejects.toMatchObject({ code: "host-key" });
    expect(existsSync(knownHosts)).toBe(false);
    expect(await attempt(target.hostKey, { known_hosts: knownHosts })).toContain("hello hello");
    // One key of the host is pinned, and it shows another.
    const rsa = publicKey(makeKey(target.folder, "pin-rsa", "", "rsa"));
    await expect(attempt(rsa, { known_hosts_verify: "auto" })).rejects.toMatchObject({ code: "host-key" });
  });

  test("netcat serves where the helper does not", async () => {
    const { identityFile, knownHosts } = target;
    const uri = target.uri({ ssh: "openssh", socket: echo.path });
    expect(await echoed(uri, { identityFile, knownHosts })).toContain("hello hello");
  });

  test("its refusals are classed", async () => {
    const { identityFile, knownHosts } = target;
    const uri = target.uri({ ssh: "openssh" });
    const attempt = (changes: Partial<TransportOptions>) => echoed(uri, { identityFile, knownHosts, ...changes });
    const wrong = makeKey(target.folder, "wrong");
    await expect(attempt({ identityFile: wrong, sshConfig: "none" })).rejects.toMatchObject({ code: "auth" });
    await expect(attempt({ knownHosts: "/nonexistent" })).rejects.toMatchObject({ code: "host-key" });
    await expect(attempt({ hostKey: publicKey(wrong) })).rejects.toMatchObject({ code: "host-key" });
    await expect(attempt({ hostKey: `SHA256:${"A".repeat(43)}` })).rejects.toMatchObject({ code: "invalid" });
    await expect(echoed(target.uri({ command: "/nonexistent/ssh" }))).rejects.toMatchObject({ code: "unreachable" });
  });

  test("a command that never answers is not waited for", async () => {
    const command = join(target.folder, "hanging-ssh");
    writeFileSync(command, "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
    const attempt = echoed(target.uri({ command }), { timeout: 0.2 });
    await expect(attempt).rejects.toMatchObject({
      code: "timeout",
      reason: expect.stringMatching(/^no answer within 0\.6/),
    });
  });

  test("an encrypted key is left to the agent, and the refusal says so", async () => {
    const identityFile = makeKey(target.folder, "encrypted", "open sesame");
    appendFileSync(join(target.folder, "authorized_keys"), `${publicKey(identityFile)}\n`);
    const options = { identityFile, knownHosts: target.knownHosts, passphrase: "open sesame", sshConfig: "none" };
    const failure = await echoed(target.uri({ ssh: "openssh" }), options).catch((error) => error);
    expect(failure).toMatchObject({ code: "auth", remedy: expect.stringContaining("with ssh-add") });
  });

  test("a stream breaks with what ssh said when the server goes away", async () => {
    const { identityFile, knownHosts } = target;
    const dialer = openDialer({ uri: target.uri({ ssh: "openssh" }), identityFile, knownHosts, sshConfig: config });
    const stream = await dialer.dial();
    stream.write("hello");
    await once(stream, "data");
    const broken = once(stream, "error");
    target.dropConnections();
    expect(await broken).toMatchObject([{ code: expect.any(String), step: "use the system's ssh" }]);
    await dialer.close();
  });
});
