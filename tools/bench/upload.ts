import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabHost } from "../../test/lab/host";
import { bundle } from "./bundle";
import { median } from "./time";

const pool = { name: "bench", uuid: "dddddddd-0000-4000-8000-000000000001" };

/** Uploads 1 GiB with a quarter of data, sparse over ssh: by our client and by virsh, each from connecting to the end. */
export async function measureUpload(host: LabHost): Promise<Readonly<Record<string, unknown>>> {
  const folder = mkdtempSync(join(tmpdir(), "kvm-bench-"));
  const image = join(folder, "image.raw");
  const uploader = await bundle("uploader");
  try {
    const script =
      "truncate -s 1G $0; for i in 0 1 2 3; do dd if=/dev/urandom of=$0 bs=1M count=64 seek=$((i * 256)) conv=notrunc status=none; done";
    execFileSync("bash", ["-c", script, image]);
    const xml = `<pool type='dir'><name>${pool.name}</name><uuid>${pool.uuid}</uuid><target><path>/srv/bench</path></target></pool>`;
    await host.exec(
      `mkdir -p /srv/bench; printf "${xml}" > /srv/pool.xml; virsh -q pool-define /srv/pool.xml; virsh -q pool-start bench`,
    );
    const times: [number, number][] = [];
    for (let round = 0; round < 5; round++)
      times.push([await byClient(host, uploader.file, image, round), await byVirsh(host, image, round)]);
    const [ours, virsh] = [median(times.map(([time]) => time)), median(times.map(([, time]) => time))];
    const round = (value: number) => Math.round(value * 100) / 100;
    return {
      measure: "sparse upload of 1 GiB, 25 % data, over ssh",
      seconds: round(ours),
      virshSeconds: round(virsh),
      ratioToVirsh: round(ours / virsh),
      goal: "at most 1 virsh",
    };
  } finally {
    uploader.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function byClient(host: LabHost, uploader: string, image: string, round: number): Promise<number> {
  const volume = await makeVolume(host, `ours${round}.raw`, image);
  const words = [uploader, host.uri, pool.name, volume, image];
  const took = Number(execFileSync(process.execPath, words, { encoding: "utf8" }));
  await removeVolume(host, volume);
  return took;
}

async function byVirsh(host: LabHost, image: string, round: number): Promise<number> {
  const volume = await makeVolume(host, `virsh${round}.raw`, image);
  // The system's ssh, which virsh starts, does not know of our known_hosts file.
  const uri = `qemu+ssh://root@127.0.0.1:${host.sshPort}/system?keyfile=${host.identityFile}&no_verify=1`;
  const started = process.hrtime.bigint();
  execFileSync("virsh", ["-q", "-c", uri, "vol-upload", "--pool", "bench", "--sparse", volume, image]);
  const took = seconds(started);
  await removeVolume(host, volume);
  return took;
}

async function makeVolume(host: LabHost, name: string, image: string): Promise<string> {
  await host.exec(`virsh -q vol-create-as ${pool.name} ${name} ${statSync(image).size} --allocation 0 --format raw`);
  return name;
}

/** Before it is written to the disk, while the next one is measured. */
async function removeVolume(host: LabHost, volume: string): Promise<void> {
  await host.exec(`virsh -q vol-delete --pool ${pool.name} ${volume}`);
}

function seconds(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e9;
}
