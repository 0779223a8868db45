import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { sweepCgroups } from "./cgroups";
import { type Bed, LabHost } from "./host";
import { childPid, identityOf, isThere, run } from "./processes";

export type Root = "machine" | "trixie";

export interface LabOptions {
  /** Default 1; at most 9. */
  readonly hosts?: number;
  /**
   * `machine` shows this machine's libvirt, `trixie` Debian 13's; a list names one for each host. Default: machine, but
   * in the suite lab-newer.
   */
  readonly root?: Root | readonly Root[];
  /** Outlives the process that started it; end it with `stopLab(folder)`. */
  readonly keep?: boolean;
}

/** Several KVM hosts on one machine, connected by a bridge in a namespace of its own. */
export interface Lab {
  readonly folder: string;
  readonly hosts: readonly LabHost[];
  /** The first host. */
  readonly host: LabHost;
  stop(): Promise<void>;
}

const prefix = "kvmlab-";

const defaultRoot = (globalThis as { labRoot?: Root }).labRoot ?? "machine";

/** Where built images and roots are kept between runs. */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return process.env["PULUMI_KVM_CACHE"] ?? join(base, "pulumi-kvm");
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  sweep();
  const folder = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(folder, "owner"), options.keep ? "" : identityOf(process.pid));
  try {
    return await startIn(folder, options);
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

async function startIn(folder: string, options: LabOptions): Promise<Lab> {
  chmodSync(folder, 0o755);
  // PR_SET_PDEATHSIG: whatever way this process ends, the hosts end with it.
  const tether = options.keep ? [] : ["setpriv", "--pdeathsig", "KILL"];
  const identityFile = join(folder, "id_ed25519");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", identityFile]);
  const networkPid = await startNetwork(folder, tether);
  const bed: Bed = {
    folder,
    name: basename(folder),
    networkPid,
    identityFile,
    knownHosts: join(folder, "known_hosts"),
    tether,
  };
  const { root = defaultRoot } = options;
  const hosts = Array.from({ length: options.hosts ?? 1 }, (_, index) => {
    const shown = typeof root === "string" ? root : (root[index] ?? "machine");
    const capabilities = join(cacheFolder(), "capabilities", shown);
    return new LabHost(bed, index + 1, shown === "trixie" ? trixieRoot() : "", capabilities);
  });
  const [host] = hosts;
  if (!host) throw new Error("a lab has at least one host");
  const network = identityOf(networkPid);
  const stop = async () => {
    await Promise.all(hosts.map((item) => item.powerOff()));
    endNow([network]);
    removeFolder(folder);
  };
  try {
    await Promise.all(hosts.map((item) => item.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  writeFileSync(join(folder, "pids"), [network, ...hosts.flatMap((item) => item.pids.map(identityOf))].join("\n"));
  return { folder, hosts, host, stop };
}

/** Ends a lab that was started with `keep`. */
export function stopLab(folder: string): void {
  endNow(readFileSync(join(folder, "pids"), "utf8").split("\n"));
  removeFolder(folder);
}

/** The bridge that joins the hosts, with DHCP for guests on host bridges. */
async function startNetwork(folder: string, tether: readonly string[]): Promise<number> {
  const home = join(folder, "network");
  mkdirSync(home);
  const [command = "unshare", ...words] = [
    ...tether,
    ...["unshare", "-n", "-m", "-u", "-p", "--fork", "--mount-proc", "--kill-child"],
    ...["bash", "-c", "hostname lab; mount -t sysfs sysfs /sys; while :; do sleep 3600 & wait $!; done"],
  ];
  const unshare = spawn(command, words, { stdio: "ignore", detached: true });
  if (tether.length === 0) unshare.unref();
  const pid = await childPid(unshare, "unshare");
  const script = [
    "ip link set lo up",
    "ip link add lab0 type bridge",
    "ip link set lab0 address 02:77:00:00:00:fe",
    "ip addr add 10.77.0.254/24 dev lab0",
    "ip link set lab0 up",
    `dnsmasq --conf-file=/dev/null --interface=lab0 --bind-interfaces --port=0 --no-ping --dhcp-option=3 \
      --dhcp-range=10.77.0.100,10.77.0.200 --dhcp-leasefile=${home}/leases --pid-file=${home}/dnsmasq.pid`,
  ];
  await run(["nsenter", "-t", String(pid), "-n", "-p", "-m", "sh", "-c", script.join(" && ")]);
  return pid;
}

/** Debian 13 below the cache, made by make-root.sh when it is not there. */
function trixieRoot(): string {
  const root = join(cacheFolder(), "roots", "trixie");
  if (!existsSync(join(root, "usr/sbin/libvirtd"))) {
    execFileSync("bash", [join(__dirname, "make-root.sh"), "trixie", root], { stdio: ["ignore", "ignore", "inherit"] });
  }
  return root;
}

/** Removes what labs left behind whose process was killed: their hosts died with it, folders and cgroups stay. */
function sweep(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const owner = join(tmpdir(), name, "owner");
    const identity = existsSync(owner) ? readFileSync(owner, "utf8") : "";
    if (identity !== "" && !isThere(identity)) removeFolder(join(tmpdir(), name));
  }
  sweepCgroups((name) => {
    const [, folder] = /^(kvmlab-\w+)-host\d$/.exec(name) ?? [];
    return folder !== undefined && !existsSync(join(tmpdir(), folder));
  });
}

/** Ends these processes, unless their pids belong to others by now. */
function endNow(processes: readonly string[]): void {
  for (const identity of processes) if (isThere(identity)) process.kill(Number(identity.split(" ")[0]), "SIGKILL");
}

/** Mounts of a host that just died may be in the way for a moment. */
function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
