import { join } from "node:path";
import { openConnection } from "../../provider/adapters/client";
import { domainHandle } from "../../provider/libvirt/procedures";
import { Stack } from "../../test/engine/pulumi";
import type { LabHost } from "../../test/lab/host";
import { median, timed } from "./time";

const programs = join(__dirname, "../../test/bench");

/** Changes one live field of running guests over ssh: by the engine with our provider, and by the bare calls. */
export async function measureLive(
  host: LabHost,
  vms: number,
  rounds: number,
): Promise<Readonly<Record<string, unknown>>> {
  const common = { vms: String(vms), title: "start" };
  const empty = new Stack({ program: join(programs, "empty"), config: common });
  const kvm = new Stack({ program: join(programs, "kvm"), config: { ...common, running: "true", hostUri: host.uri } });
  const times: { ours: number; floor: number; bare: number }[] = [];
  try {
    for (const stack of [empty, kvm]) {
      await stack.init();
      await stack.up();
    }
    for (let round = 0; round < rounds; round++) {
      for (const stack of [empty, kvm]) await stack.setConfig("title", `title ${round}`);
      const floor = await timed(() => empty.up());
      const ours = await timed(() => kvm.up());
      times.push({ ours, floor, bare: await bareCalls(host, `bare ${round}`) });
    }
  } finally {
    for (const stack of [kvm, empty]) {
      await stack.run("destroy", "--yes", "--skip-preview");
      stack.remove();
    }
  }
  const [ours, floor, bare] = (["ours", "floor", "bare"] as const).map((name) =>
    median(times.map((time) => time[name])),
  );
  const round = (value: number | undefined) => Math.round((value ?? 0) * 100) / 100;
  return {
    measure: "change a live field of running VMs, over ssh",
    vms,
    seconds: round(ours),
    emptyProviderSeconds: round(floor),
    bareCallsSeconds: round(bare),
    ratioToGoal: round((ours ?? 0) / ((floor ?? 0) + 1.5 * (bare ?? 0))),
    goal: "empty + 1.5 bare",
  };
}

/** What cannot be left out: both documents, the definition, the running guest, and both documents once more. */
async function bareCalls({ uri }: LabHost, title: string): Promise<number> {
  await (await openConnection({ uri })).close();
  return timed(async () => {
    const connection = await openConnection({ uri });
    try {
      const { domains } = await connection.call("CONNECT_LIST_ALL_DOMAINS", { needResults: 1, flags: 1 });
      await Promise.all(
        domains.map(async ({ uuid }) => {
          const dom = domainHandle(uuid);
          const read = async () => {
            const flags = [1, 3];
            const found = flags.map((flag) => connection.call("DOMAIN_GET_XML_DESC", { dom, flags: flag }));
            return (await Promise.all(found)).map(({ xml }) => xml);
          };
          const [, inactive = ""] = await read();
          const xml = inactive.replace(/<title>.*<\/title>/, `<title>${title}</title>`);
          await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml, flags: 0 });
          const none = { key: undefined, uri: undefined };
          await connection.call("DOMAIN_SET_METADATA", { dom, type: 1, metadata: title, ...none, flags: 1 });
          await read();
        }),
      );
    } finally {
      await connection.close();
    }
  });
}
