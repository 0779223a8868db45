import type { Libvirt } from "../../../../provider/libvirt/api";
import { Domain } from "../../../../provider/resources/virtual-machine/domain";
import { observe } from "../../../../provider/resources/virtual-machine/outputs";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { checked } from "./checked";

/** What is asked of a daemon before it has answered anything. */
async function askedAtOnce(work: (domain: Domain) => Promise<unknown>): Promise<string[]> {
  const asked: string[] = [];
  const call = (name: string) => {
    asked.push(name);
    return new Promise(() => undefined);
  };
  void work(Domain.at({ call } as unknown as Libvirt, "qemu:///system", "u", "db"));
  await new Promise(setImmediate);
  return asked.sort();
}

const ofGuest = ["DOMAIN_GET_STATE", "DOMAIN_GET_XML_DESC", "DOMAIN_GET_XML_DESC"];

test("an update asks in one round trip for all that it depends on", async () => {
  const others = ["DOMAIN_GET_AUTOSTART", "DOMAIN_GET_JOB_STATS", "DOMAIN_IS_PERSISTENT"];
  expect(await askedAtOnce((domain) => domain.look())).toEqual([...others, ...ofGuest].sort());
});

test("so does a refresh", async () => {
  const inputs = checked({ host: { uri: "qemu:///system" }, memory: "1 GiB" }) as Inputs;
  const asked = await askedAtOnce((domain) => observe(domain, inputs, {}));
  expect(asked).toEqual(["DOMAIN_GET_AUTOSTART", ...ofGuest]);
});
