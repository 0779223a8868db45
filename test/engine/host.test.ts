import { join } from "node:path";
import { programLab } from "./program-lab";
import { type Stack, withStack } from "./pulumi";

const minutes = 120_000;
// Cells, CPUs and pages of its own: the pages that are added are those of a copy.
const lab = programLab(async (host) => {
  await host.exec(["sh", join(__dirname, "../lab/fake-numa.sh")]);
  await host.restartLibvirtd();
});
const { program } = lab;

function write(limits: Readonly<Record<string, unknown>>): void {
  program.body = `const host = new kvm.Host("rack1", { uri: config.require("hostUri"), ...${JSON.stringify(limits)} });
    const lan = new kvm.Network("lan", { host, mode: "isolated", subnets: ["10.46.0.0/24"] });
    exports.cells = host.topology.apply(({ cells }) => cells.map(({ cpus }) => cpus));
    exports.added = host.addedPages;`;
}

/** What the reference to the Host says in the state of the network. */
async function limitsOfNetwork(stack: Stack): Promise<unknown> {
  const { deployment } = JSON.parse(await stack.state()) as {
    deployment: { resources: { type: string; inputs: { host: { limits?: string } } }[] };
  };
  const network = deployment.resources.find(({ type }) => type.endsWith(":Network"));
  return JSON.parse(network?.inputs.host.limits ?? "null");
}

test(
  "limits reach the resources of a host, change alone, and are held against the machine in previews",
  async () => {
    const limits = {
      housekeepingCpus: "0",
      reservedMemory: { "0": "64 MiB" },
      reservedPages: [{ size: "2 MiB", count: 1 }],
      guestPages: true,
    };
    const hugePages = [{ cell: 1, size: "2 MiB", count: 4 }];
    write({ ...limits, hugePages });
    await withStack({ program: program.folder, config: { hostUri: lab.host.uri } }, async (stack) => {
      await stack.preview();
      await stack.up();
      expect(await stack.outputs()).toEqual({
        cells: ["0", "1"],
        added: [{ cell: 1, size: "2 MiB", before: 0, count: 4 }],
      });
      expect(await limitsOfNetwork(stack)).toEqual(limits);
      await stack.upWithoutChanges();
      await stack.refresh("--expect-no-changes");

      write({ ...limits, dedicatedCpus: "1,4000" });
      const refused = await stack.preview();
      expect(refused.code).not.toBe(0);
      expect(refused.output).toMatch(/dedicatedCpus: the host has no CPU 4000; it has 0-1/);
      write({ ...limits, dedicatedCpus: "1" });
      expect((await stack.preview()).output).toMatch(/~ 1 to update/);
      // The pages that are asked for no longer have no user.
      await lab.host.exec("echo 4 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages");
      await stack.up();
      expect((await stack.outputs())["added"]).toEqual([]);
      expect(await limitsOfNetwork(stack)).toEqual({ ...limits, dedicatedCpus: "1" });
      await stack.upWithoutChanges();
    });
  },
  2 * minutes,
);
