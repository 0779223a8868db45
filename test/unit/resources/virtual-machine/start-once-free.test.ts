import { KvmError } from "../../../../provider/core/errors";
import type { Domain } from "../../../../provider/resources/virtual-machine/domain";
import { refusedIn } from "../../../../provider/resources/virtual-machine/start-once-free";
import { parse } from "../../../../provider/schema/tree";

const guest = (cid: string) => parse(`<domain><memory>7</memory><devices><vsock>${cid}</vsock></devices></domain>`);
const domain = { inactive: async () => guest("<cid auto='no' address='7'/>") } as Domain;
const refusal = (reason: string) => new KvmError("conflict", { step: "start VirtualMachine db", reason });

test("the CID that a guest was refused is found in another one, chosen by it or by libvirt", async () => {
  const has = await refusedIn(domain, refusal("failed to set guest cid: Address already in use"));
  const found = ["<cid auto='no' address='7'/>", "<cid auto='yes' address='7'/>", "<cid auto='yes' address='3'/>"];
  expect(found.map((cid) => has?.(guest(cid)))).toEqual([true, true, false]);
  expect(await refusedIn(domain, refusal("unable to open vhost-vsock device"))).toBeUndefined();
});
