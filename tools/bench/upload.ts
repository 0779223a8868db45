import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabHost } from "../../test/lab/host";
import { bundle } from "./bundle";
import { median, rounded, timed } from "./time";

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
    const byClient = async (volume: string) =>
      Number(execFileSync(process.execPath, [uploader.file, host.uri, pool.name, volume, image]));
    const byVirsh = (volume: string) => timed(async () => uploadByVirsh(host, volume, image));
    for (let round = 0; round < 5; round++) {
      times.push([await uploaded(host, image, byClient), await uploaded(host, image, byVirsh)]);
    }
    const [ours, virsh] = [median(times.map(([time]) => time)), median(times.map(([, time]) => time))];
    return {
      measure: "sparse upload of 1 GiB, 25 % data, over ssh",
      seconds: rounded(ours),
      virshSeconds: rounded(virsh),
      ratioToVirsh: rounded(ours / virsh),
      goal: "at most 1 virsh",
    };
  } finally {
    uploader.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds of an upload into a new volume, which is gone before it is written to the disk while the next is measured. */
async function uploaded(host: LabHost, image: string, upload: (volume: string) => Promise<number>): Promise<number> {
  const volume = "upload.raw";
  const options = ["--allocation", "0", "--format", "raw"];
  await host.virsh("vol-create-as", pool.name, volume, String(statSync(image).size), ...options);
  try {
    return await upload(volume);
  } finally {
    await host.virsh("vol-delete", "--pool", pool.name, volume);
  }
}

function uploadByVirsh(host: LabHost, volume: string, image: string): void {
  // The system's ssh, which virsh starts, does not know of our known_hosts file.
  const uri = `qemu+ssh://root@127.0.0.1:${host.sshPort}/system?keyfile=${host.identityFile}&no_verify=1`;
  execFileSync("virsh", ["-q", "-c", uri, "vol-upload", "--pool", pool.name, "--sparse", volume, image]);
}
