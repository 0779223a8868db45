import type { KvmError } from "../../../provider/core/errors";
import type { Context } from "../../../provider/core/handler";
import type { Libvirt } from "../../../provider/libvirt/api";
import { ConnectionLost, errorCode, LibvirtError, WrongHost } from "../../../provider/libvirt/errors";
import { attempt } from "../../../provider/resources/failure";
import { requirePages } from "../../../provider/resources/host/huge-pages";
import { NetworkCalls } from "../../../provider/resources/network/calls";
import { PoolCalls } from "../../../provider/resources/storage-pool/calls";
import type { HostTopology } from "../../../provider/tuning/topology";

const step = { step: "start VirtualMachine web", host: "qemu+ssh://rack1/system", remedy: "look into its log" };

async function failureOf(error: Error): Promise<KvmError> {
  return attempt(step, () => Promise.reject(error)).then(
    () => Promise.reject(new Error("it succeeded")),
    (failure: KvmError) => failure,
  );
}

test("a host that cannot be reached again is out of reach, with what the way to it says", async () => {
  const lost = new ConnectionLost(
    "cannot log in on root@rack1:22: no key was accepted",
    false,
    undefined,
    "add the key.",
  );
  const failure = await failureOf(lost);
  expect(failure.code).toBe("connection-lost");
  expect(failure.message).toBe(
    `Unable to start VirtualMachine web on qemu+ssh://rack1/system: cannot log in on root@rack1:22: no key was accepted
  What to do: add the key.
  Then run pulumi up again when the host can be reached: it finds what was done and goes on`,
  );
});

test("another machine behind the address is as good as none, whatever the step says to do", async () => {
  const [found, expected] = ["aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000001"];
  const failure = await failureOf(new WrongHost(found, expected));
  expect(failure.code).toBe("connection-lost");
  expect(failure.message).toMatch(
    /^Unable to start VirtualMachine web on .*its host uuid is aaaaaaaa.*expected was bbbb/,
  );
  expect(failure.message).toContain(`set host_uuid = "${expected}" in its /etc/libvirt/virtqemud.conf`);
  expect(failure.message).not.toContain("look into its log");
});

test.each([
  ["cannot write data to file '/etc/libvirt/qemu/web.xml.new': No space left on device", /make room.*df -i/],
  ["Failed to create file '/etc/libvirt/qemu/web.xml.new': Read-only file system", /writable.*dmesg/],
])("a host on which libvirt cannot write is what there is to mend, no argument: %s", async (said, remedy) => {
  const failure = await failureOf(new LibvirtError(errorCode.systemError, 38, said, "DOMAIN_DEFINE_XML_FLAGS"));
  expect(failure.details.remedy).toMatch(remedy);
  expect(failure.message).not.toContain("look into its log");
});

test.each([
  [
    NetworkCalls,
    "cannot remove config file '/etc/libvirt/qemu/networks/lan.xml': No such file or directory",
    /networks on the host.*restart libvirtd \(or virtnetworkd\).*leaves guests running/,
  ],
  [PoolCalls, "internal error: cannot remove config for vms", /etc\/libvirt\/storage.*\(or virtstoraged\).*writable/],
  [
    NetworkCalls,
    "cannot remove config file '/etc/libvirt/qemu/networks/lan.xml': Read-only file system",
    /^make the file system of that path writable/,
  ],
])(
  "a definition whose file somebody deleted goes once the daemon looks for it anew (%p)",
  async (calls, said, remedy) => {
    const call = () => Promise.reject(new LibvirtError(errorCode.systemError, 38, said, "UNDEFINE"));
    const context = { connect: async () => ({ call }) as unknown as Libvirt } as unknown as Context;
    const opened = await calls.open(context, { uri: "qemu:///system" }, "lan");
    await expect(opened.undefine("u")).rejects.toMatchObject({ details: { remedy: expect.stringMatching(remedy) } });
  },
);

test.each([
  ["stop", NetworkCalls],
  ["undefine", NetworkCalls],
  ["stop", PoolCalls],
] as const)("a host that cannot tell whether somebody else was faster leaves the refusal: %s", async (step, calls) => {
  const refusal = new LibvirtError(errorCode.operationInvalid, 0, "not now", "DESTROY");
  const call = (procedure: string) =>
    Promise.reject(/_(DESTROY|UNDEFINE)$/.test(procedure) ? refusal : new Error("asked in vain"));
  const context = { connect: async () => ({ call }) as unknown as Libvirt } as unknown as Context;
  const opened = await calls.open(context, { uri: "qemu:///system" }, "lan");
  await expect(opened[step]("u")).rejects.toMatchObject({ details: { reason: "libvirt said: not now" } });
});

test.each([
  ["error creating bridge interface virbr7: Operation not permitted", /no right.*qemu:\/\/\/session.*user: \{\}/],
  ["internal error: Network is already in use by interface virbr0", /choose another with `bridge` or `subnets`/],
])("a network that libvirt cannot start: %s", async (said, remedy) => {
  const call = () => Promise.reject(new LibvirtError(errorCode.systemError, 38, said, "NETWORK_CREATE"));
  const context = { connect: async () => ({ call }) as unknown as Libvirt } as unknown as Context;
  const opened = await NetworkCalls.open(context, { uri: "qemu:///session" }, "lan");
  await expect(opened.start("u")).rejects.toMatchObject({ details: { remedy: expect.stringMatching(remedy) } });
});

test.each([
  ["Unable to write to: /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages: Permission denied", /vm\.nr_hugepages/],
  ["internal error: 3 pages only", /ask for fewer/],
])("huge pages that the host was not given: %s", (said, remedy) => {
  const wanted = [{ cell: 0, size: "2 MiB", count: 4 }];
  const topology = { cells: [{ id: 0, pages: [{ sizeKiB: 2048, total: 0 }] }] } as unknown as HostTopology;
  const refused = () => requirePages("qemu:///session", wanted, topology, [said]);
  expect(refused).toThrow(remedy);
});
