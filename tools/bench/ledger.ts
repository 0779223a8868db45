import { openConnection } from "../../provider/adapters/client";
import { domainHandle } from "../../provider/libvirt/procedures";
import { hostUsage } from "../../provider/resources/host-usage";
import type { LabHost } from "../../test/lab/host";
import { timed } from "./time";

const nobody = "00000000-0000-4000-8000-00000000ffff";

/** Reads what the domains of a host hold, over ssh: as the first guest of a deployment does, and as each later one. */
export async function measureLedger({ uri }: LabHost, domains: number): Promise<Readonly<Record<string, unknown>>> {
  const connection = await openConnection({ uri });
  const uuids = Array.from(
    { length: domains },
    (_, index) => `eeeeeeee-0000-4000-8000-${String(index).padStart(12, "0")}`,
  );
  try {
    await Promise.all(
      uuids.map((uuid) => connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid), flags: 0 })),
    );
    const usage = () => hostUsage(connection, { uri }, nobody);
    const call = () => connection.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuids[0] ?? ""), flags: 0 });
    const roundTrip = await timed(async () => {
      for (let count = 0; count < 20; count++) await call();
    });
    const [first, later] = [await timed(usage), await timed(usage)];
    const { ledger } = await usage();
    return {
      measure: "read the ledger of a host, over ssh",
      domains,
      claims: ledger.claims.length,
      milliseconds: Math.round(first * 1000),
      againMilliseconds: Math.round(later * 1000),
      oneByOneMilliseconds: Math.round((roundTrip / 20) * domains * 1000),
      goal: "one pipelined pass",
    };
  } finally {
    await Promise.all(
      uuids.map((uuid) => connection.call("DOMAIN_UNDEFINE_FLAGS", { dom: domainHandle(uuid), flags: 0 })),
    );
    await connection.close();
  }
}

function documentOf(uuid: string): string {
  return `<domain type="qemu"><name>ledger-${uuid.slice(-6)}</name><uuid>${uuid}</uuid>
    <memory unit="MiB">64</memory><vcpu cpuset="0">1</vcpu><cputune><vcpupin vcpu="0" cpuset="0"/></cputune>
    <os><type machine="q35">hvm</type></os><devices><serial type="pty"/></devices></domain>`;
}
