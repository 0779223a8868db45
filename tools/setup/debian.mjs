import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { run, SetupError, works } from "./steps.mjs";

/** A command or file of each package, to see without dpkg whether it is there. */
export const packages = [
  "libvirt-daemon-system",
  "libvirt-daemon-driver-qemu",
  "libvirt-clients",
  "qemu-system-x86",
  "qemu-utils",
  "openssh-server",
  "openssh-client",
  "dnsmasq-base",
  "iptables",
  "nftables",
  "ovmf",
  "swtpm",
  "swtpm-tools",
  "iproute2",
  "socat",
  "netcat-openbsd",
  "xorriso",
  "syslinux",
  "syslinux-common",
  "mtools",
  "dosfstools",
  "fdisk",
  "procps",
  "busybox-static",
  "kmod",
  "cpio",
  "libxml2-utils",
  "openssl",
  "e2fsprogs",
  "xz-utils",
  "wget",
  "lvm2",
  "chromium",
];

/** Installs what is missing; starts no service and changes no running one. */
export async function installPackages(wanted = packages) {
  const missing = await missingPackages(wanted);
  if (missing.length === 0) return "all there";
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!existsSync("/etc/debian_version")) {
    throw new SetupError(`this is no Debian system; install the equivalents of: ${missing.join(" ")}`);
  }
  if (process.getuid?.() !== 0) throw new SetupError(`packages are missing and this is not root; run: sudo ${command}`);
  await withoutServices(async () => {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["-qq", "update"], { env: environment });
    await run("apt-get", ["-qq", "-y", "--no-install-recommends", "install", ...missing], { env: environment });
  });
  return `installed ${missing.join(" ")}`;
}

async function missingPackages(wanted) {
  if (!(await works("dpkg-query", ["--version"]))) return wanted;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const listed = await run("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n"]);
  const installed = new Set(
    listed.split("\n").flatMap((line) => (line.endsWith(" installed") ? [line.split(" ")[0]] : [])),
  );
  return wanted.filter((name) => !installed.has(name));
}

/** Debian asks this file before it starts a service of a package; ours stays only while we install. */
async function withoutServices(work) {
  const policy = "/usr/sbin/policy-rc.d";
  const text = "#!/bin/sh\n# pulumi-kvm is installing packages\nexit 101\n";
  // One of ours that is there already was left by a set-up that was killed.
  if (existsSync(policy) && readFileSync(policy, "utf8") !== text) return work();
  const remove = () => rmSync(policy, { force: true });
  const interrupted = () => {
    remove();
    process.exit(130);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.once(signal, interrupted);
  writeFileSync(policy, text);
  chmodSync(policy, 0o755);
  try {
    await work();
  } finally {
    remove();
    for (const signal of signals) process.removeListener(signal, interrupted);
  }
}
