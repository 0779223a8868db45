import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readAhead } from "../../provider/images/read-ahead";
import { connect } from "../../provider/libvirt/connection";
import { openDialer } from "../../provider/transport/open";
import type { LabHost } from "../../test/lab/host";
import { median } from "./time";

const pool = { name: "bench", uuid: "dddddddd-0000-4000-8000-000000000001" };

/** Uploads 1 GiB with a quarter of data, sparse over ssh: by our client and by virsh. */
export async function measureUpload(host: LabHost): Promise<Readonly<Record<string, unknown>>> {
  const folder = mkdtempSync(join(tmpdir(), "kvm-bench-"));
  const image = join(folder, "image.raw");
  try {
    const script =
      "truncate -s 1G $0; for i in 0 1 2 3; do dd if=/dev/urandom of=$0 bs=1M count=64 seek=$((i * 256)) conv=notrunc status=none; done";
    execFileSync("bash", ["-c", script, image]);
    const xml = `<pool type='dir'><name>${pool.name}</name><uuid>${pool.uuid}</uuid><target><path>/srv/bench</path></target></pool>`;
    await host.exec(
      `mkdir -p /srv/bench; mkdir -p /srv/bench; printf "${xml}" > /srv/pool.xml; virsh -q pool-define /srv/pool.xml; virsh -q pool-start bench`,
    );
    const times: [number, number][] = [];
    // In turns, with the file in the page cache for all but the first.
    for (let round = 0; round < 3; round++)
      times.push([await byClient(host, image, round), await byVirsh(host, image, round)]);
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
    rmSync(folder, { recursive: true, force: true });
  }
}

async function byClient(host: LabHost, image: string, round: number): Promise<number> {
  const { uri } = host;
  const dialer = openDialer({ uri });
  const connection = await connect({ uri, driverUri: dialer.driverUri, dialer });
  try {
    const { vol } = await connection.call("STORAGE_VOL_CREATE_XML", {
      pool,
      xml: volumeXml(`ours${round}.raw`, image),
      flags: 0,
    });
    const started = process.hrtime.bigint();
    await connection.upload(vol, readAhead(image), { sparse: true });
    return seconds(started);
  } finally {
    await connection.close();
  }
}

async function byVirsh(host: LabHost, image: string, round: number): Promise<number> {
  await host.exec(`virsh -q vol-create-as bench virsh${round}.raw ${statSync(image).size} --allocation 0 --format raw`);
  // The system's ssh, which virsh starts, does not know of our known_hosts file.
  const uri = `qemu+ssh://root@127.0.0.1:${host.sshPort}/system?keyfile=${host.identityFile}&no_verify=1`;
  const started = process.hrtime.bigint();
  execFileSync("virsh", ["-q", "-c", uri, "vol-upload", "--pool", "bench", "--sparse", `virsh${round}.raw`, image]);
  return seconds(started);
}

function volumeXml(name: string, image: string): string {
  const { size } = statSync(image);
  return `<volume><name>${name}</name><capacity>${size}</capacity><allocation>0</allocation><target><format type="raw"/></target></volume>`;
}

function seconds(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e9;
}
