import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Cgroups, makeCgroups, removeCgroups } from "./cgroups";
import { hostUuid, makeHostFiles, publicHostKey, saveCapabilities } from "./host-files";
import { childPid, isRunning, type Run, run, waitFor } from "./processes";

/** What a host needs to know of its lab. */
export interface Bed {
  readonly folder: string;
  readonly name: string;
  readonly networkPid: number;
  readonly identityFile: string;
  readonly knownHosts: string;
  /** Ends a process when this one dies, unless the lab is to stay. */
  readonly tether: readonly string[];
}

/** A KVM host of its own: libvirtd, sshd and storage in namespaces on this machine. */
export class LabHost {
  readonly name: string;
  readonly uuid: string;
  readonly home: string;
  /** Path of libvirtd's socket, reachable from outside of the host's namespaces. */
  readonly socket: string;
  /** Loopback port of the host's sshd. */
  sshPort = 0;
  private unshare: ChildProcess | undefined;
  private forward: ChildProcess | undefined;
  private pid = 0;
  private cgroups: Cgroups = { controllers: "", folders: [], leaves: [] };

  constructor(
    private readonly bed: Bed,
    readonly number: number,
    private readonly root: string,
    private readonly capabilityCache: string,
  ) {
    this.name = `host${number}`;
    this.uuid = hostUuid(number);
    this.home = join(bed.folder, this.name);
    this.socket = join(this.home, "run/libvirt/libvirt-sock");
  }

  /** libvirt URI over ssh, as a user would write it. */
  get uri(): string {
    const { identityFile, knownHosts } = this.bed;
    return `qemu+ssh://root@127.0.0.1:${this.sshPort}/system?keyfile=${identityFile}&known_hosts=${knownHosts}`;
  }

  /** libvirt URI over the unix socket: the fastest, for assertions. */
  get socketUri(): string {
    return `qemu+unix:///system?socket=${this.socket}`;
  }

  get identityFile(): string {
    return this.bed.identityFile;
  }

  get knownHosts(): string {
    return this.bed.knownHosts;
  }

  /** "ssh-ed25519 AAAA..." */
  get hostKey(): string {
    return publicHostKey(this.home);
  }

  /** A folder that the host sees under the same path: for pools and files that tests look at. */
  get directory(): string {
    const folder = join(this.home, "srv");
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Path of a domain's log folder entry, such as a serial console written to a file. */
  serialLog(domain: string): string {
    return join(this.home, "var/log/libvirt/qemu", `${domain}-serial.log`);
  }

  async start(): Promise<void> {
    makeHostFiles(this.home, this.number, this.root, this.bed.identityFile, this.capabilityCache);
    this.cgroups = makeCgroups(`${this.bed.name}-${this.name}`);
    const log = openSync(join(this.home, "init.log"), "w");
    const init = join(__dirname, "host-init.sh");
    const enter = entering(this.cgroups.folders);
    const words = ["-n", "-m", "-u", "-i", "-p", "-C", "--fork", "--kill-child", "bash", init];
    const args = [this.bed.folder, this.home, String(this.number), this.root, this.cgroups.controllers];
    const script = `${enter}; exec unshare "$@"`;
    const [command = "bash", ...tether] = [...this.bed.tether, "bash"];
    this.unshare = spawn(command, [...tether, "-c", script, "bash", ...words, ...args], {
      stdio: ["ignore", log, log],
      // A terminal's Ctrl-C is for who uses the host, which then still has one to tidy up.
      detached: true,
    });
    this.pid = await childPid(this.unshare, "unshare");
    await this.plugIn();
    await this.forwardSsh();
    await waitFor(`${this.name} to come up (see ${join(this.home, "init.log")})`, 30, () => this.isUp());
    saveCapabilities(this.home, this.capabilityCache);
    if (this.bed.tether.length === 0) this.unshare.unref();
  }

  /** Runs a command inside the host, in its cgroups. */
  async exec(command: string | readonly string[], options: { readonly check?: boolean } = {}): Promise<Run> {
    return run(this.entered(command), options.check ?? true);
  }

  private entered(command: string | readonly string[]): readonly string[] {
    const words = typeof command === "string" ? ["sh", "-c", command] : command;
    const script = `${entering(this.cgroups.leaves)}; exec ${this.inside} -- "$@"`;
    return ["bash", "-c", script, "bash", ...words];
  }

  /** Runs virsh inside the host. */
  async virsh(...words: readonly string[]): Promise<string> {
    return (await this.exec(["virsh", "-q", ...words])).stdout;
  }

  async restartLibvirtd(): Promise<void> {
    await this.killLibvirtd("TERM");
    await this.startLibvirtd();
  }

  /** Answers when nobody takes connections any more: for a moment the socket outlives the name of its process. */
  async killLibvirtd(signal = "KILL"): Promise<void> {
    await this.exec(killingLibvirtd(signal));
  }

  /** The same, and all that this process does stands still until then: however slow the machine is, nothing is sooner. */
  killLibvirtdMeanwhile(): void {
    const [command = "bash", ...words] = this.entered(killingLibvirtd("KILL"));
    execFileSync(command, words);
  }

  async startLibvirtd(): Promise<void> {
    await this.exec("libvirtd -d --listen");
    await waitFor(`libvirtd of ${this.name}`, 20, () => this.isUp());
  }

  /** Ends every ssh session, as a network that fails does it. Fails where there is none. */
  async dropSsh(): Promise<void> {
    const kill = "[ $pid != $(cat /run/sshd.pid) ] && kill -KILL $pid && ended=yes";
    await this.exec(`for pid in $(pgrep "^sshd"); do ${kill}; done; [ -n "$ended" ]`);
  }

  /** Takes the power away: everything on the host dies at once. Files stay; `start` boots it again. */
  async powerOff(): Promise<void> {
    this.forward?.kill("SIGKILL");
    const { pid } = this;
    // Pids are soon used again: a second call must not meet a stranger.
    this.pid = 0;
    if (pid > 0 && isRunning(pid)) process.kill(pid, "SIGKILL");
    await waitFor(`${this.name} to end`, 10, async () => !isRunning(pid));
    await removeCgroups(this.cgroups);
  }

  /** The daemon's own log, for the message of a failed test. */
  logs(): string {
    const file = join(this.home, "var/log/libvirt/libvirtd.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Pids of the processes that hold the host up; for a lab that outlives its process. */
  get pids(): readonly number[] {
    return [this.pid, this.forward?.pid ?? 0].filter((pid) => pid > 0);
  }

  /** The command that runs another one in all of the host's namespaces. */
  private get inside(): string {
    return `nsenter -t ${this.pid} -m -n -u -i -p -C`;
  }

  private async isUp(): Promise<boolean> {
    if (this.unshare?.exitCode !== null && this.unshare?.exitCode !== undefined) {
      throw new Error(`${this.name} ended at once: ${readFileSync(join(this.home, "init.log"), "utf8")}`);
    }
    if (!existsSync(join(this.home, "run/ready"))) return false;
    return (await run(["virsh", "-q", "-c", this.socketUri, "uri"], false)).code === 0;
  }

  private async plugIn(): Promise<void> {
    const { number, pid } = this;
    // The kernel takes those of a host that lost its power away in its own time.
    const old = ["a", "b"].map((end) => `{ ip link del v${number}${end} 2>/dev/null || true; }`);
    const cables = [
      ...old,
      `ip link add v${number}a type veth peer name eth0 netns ${pid} && ip link set v${number}a master lab0 up`,
      `ip link add v${number}b type veth peer name eth1 netns ${pid} && ip link set v${number}b master lab0 up`,
    ];
    await run(["nsenter", "-t", String(this.bed.networkPid), "-n", "sh", "-c", cables.join(" && ")]);
  }

  /**
   * A loopback port of this machine at which the host's sshd answers: each connection is handed to one of its own. Where
   * two socats passed the bytes on to each other, each could wait for the other to read.
   */
  private async forwardSsh(): Promise<void> {
    this.sshPort = await freePort();
    const listen = `TCP-LISTEN:${this.sshPort},bind=127.0.0.1,reuseaddr,nodelay,fork`;
    const target = `EXEC:${this.inside} /usr/sbin/sshd -i,nofork`;
    const [command = "socat", ...words] = [...this.bed.tether, "socat", listen, target];
    this.forward = spawn(command, words, { stdio: "ignore", detached: true });
    if (this.bed.tether.length === 0) this.forward.unref();
    writeFileSync(this.bed.knownHosts, `[127.0.0.1]:${this.sshPort} ${this.hostKey}\n`, { flag: "a" });
  }
}

/** Shell text that puts the shell into these cgroups. */
function entering(cgroups: readonly string[]): string {
  return cgroups.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join("; ");
}

/** Shell text that ends libvirtd, and goes on when it takes no connections any more. */
function killingLibvirtd(signal: string): string {
  const isThere = "pidof libvirtd >/dev/null || grep -q /libvirt-sock /proc/net/unix";
  return `kill -${signal} $(cat /run/libvirtd.pid); while ${isThere}; do sleep 0.02; done`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address === "object" && address) return address.port;
  throw new Error("no free port");
}
