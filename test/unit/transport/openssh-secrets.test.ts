import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A provider that the engine ends while the system's ssh is still logging in. */
const provider = `
  const { openDialer } = require("./provider/transport/open");
  const { existsSync } = require("node:fs");
  const [uri, started] = process.argv.slice(1);
  openDialer({ uri, privateKey: "a key", sshConfig: "none" }).dial().catch(() => undefined);
  setInterval(() => existsSync(started) && process.exit(0), 20);
`;

test("a process that ends as the system's ssh logs in leaves no private key behind", () => {
  const folder = mkdtempSync(join(tmpdir(), "kvm-test-"));
  try {
    const [ssh, started, temporary] = ["ssh", "started", "tmp"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(ssh, `#!/bin/sh\ncp -r "$TMPDIR" ${started}\nexec sleep 5\n`);
    chmodSync(ssh, 0o700);
    execFileSync("mkdir", [temporary]);
    const uri = `qemu+ssh://root@127.0.0.1/system?command=${encodeURIComponent(ssh)}&known_hosts_verify=normal`;
    const words = ["-r", "./tools/register.cjs", "-e", provider, uri, started];
    execFileSync(process.execPath, words, { env: { ...process.env, TMPDIR: temporary }, stdio: "ignore" });
    const keys = readdirSync(started).filter((name) => name.startsWith("kvm-ssh-"));
    expect(keys).toHaveLength(1);
    expect(readdirSync(temporary).filter((name) => name.startsWith("kvm-ssh-"))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
