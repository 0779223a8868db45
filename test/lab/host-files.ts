import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

const folders = [
  "run/sshd",
  "run/lock",
  "run/libvirt",
  "run/dnsmasq",
  "etc",
  "var/lib",
  "var/log/libvirt/qemu",
  "var/cache",
  "root/.ssh",
  "srv",
  "overlay",
  "newroot",
];

/** Host uuid of the lab's host with this number. */
export function hostUuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** Makes the private files of one host: its own libvirt and ssh configuration, keys and state. */
export function makeHostFiles(
  home: string,
  number: number,
  root: string,
  identity: string,
  capabilityCache: string,
): void {
  // What libvirt keeps in /run about a former boot would make it skip autostart.
  rmSync(join(home, "run"), { recursive: true, force: true });
  rmSync(join(home, "newroot"), { recursive: true, force: true });
  for (const folder of folders) mkdirSync(join(home, folder), { recursive: true });
  if (existsSync(join(home, "etc/libvirt"))) return;
  for (const path of ["etc/libvirt", "etc/ssh", "var/lib/libvirt", "var/cache/libvirt"]) {
    execFileSync("cp", ["-a", `${root}/${path}`, join(home, path)]);
  }
  if (existsSync(capabilityCache)) {
    cpSync(capabilityCache, join(home, "var/cache/libvirt/qemu/capabilities"), { recursive: true });
  }
  rmSync(join(home, "etc/libvirt/qemu/networks"), { recursive: true, force: true });
  mkdirSync(join(home, "etc/libvirt/qemu/networks/autostart"), { recursive: true });
  writeSsh(home, identity);
  writeLibvirt(home, number);
  const names = Array.from({ length: 9 }, (_, index) => `10.77.0.${index + 1} host${index + 1}.lab host${index + 1}`);
  writeFileSync(join(home, "etc/hosts"), ["127.0.0.1 localhost", ...names, ""].join("\n"));
  writeFileSync(join(home, "etc/hostname"), `host${number}.lab\n`);
  writeFileSync(join(home, "etc/machine-id"), `${randomBytes(16).toString("hex")}\n`);
}

function writeSsh(home: string, identity: string): void {
  for (const file of readdirSync(join(home, "etc/ssh"))) {
    if (file.startsWith("ssh_host_")) rmSync(join(home, "etc/ssh", file));
  }
  execFileSync("ssh-keygen", [
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    "lab",
    "-f",
    join(home, "etc/ssh/ssh_host_ed25519_key"),
  ]);
  const authorized = join(home, "root/.ssh/authorized_keys");
  copyFileSync(`${identity}.pub`, authorized);
  chmodSync(join(home, "root/.ssh"), 0o700);
  chmodSync(authorized, 0o600);
  const lines = [
    "HostKey /etc/ssh/ssh_host_ed25519_key",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "UsePAM no",
    "UseDNS no",
    "PidFile /run/sshd.pid",
    "Subsystem sftp internal-sftp",
  ];
  writeFileSync(join(home, "etc/ssh/sshd_config"), `${lines.join("\n")}\n`);
}

function writeLibvirt(home: string, number: number): void {
  const lines = [
    `host_uuid = "${hostUuid(number)}"`,
    'unix_sock_group = "libvirt"',
    'unix_sock_rw_perms = "0770"',
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    "listen_tls = 0",
    "listen_tcp = 1",
    'auth_tcp = "none"',
    'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"',
  ];
  writeFileSync(join(home, "etc/libvirt/libvirtd.conf"), `${lines.join("\n")}\n`);
  appendFileSync(join(home, "etc/libvirt/qemu.conf"), '\nhugetlbfs_mount = "/dev/hugepages"\n');
}

/** Keeps what libvirt found out about QEMU: probing it costs a second a host. */
export function saveCapabilities(home: string, cache: string): void {
  const found = join(home, "var/cache/libvirt/qemu/capabilities");
  if (!existsSync(found) || existsSync(cache)) return;
  const half = `${cache}.${basename(join(home, ".."))}-${basename(home)}`;
  cpSync(found, half, { recursive: true });
  try {
    renameSync(half, cache);
  } catch (error) {
    // Another host was first.
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    rmSync(half, { recursive: true });
  }
}

/** Public host key line of a host, as known_hosts wants it. */
export function publicHostKey(home: string): string {
  const [type, key] = readFileSync(join(home, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8").split(" ");
  return `${type} ${key}`;
}
