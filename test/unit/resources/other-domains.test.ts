import type { Libvirt } from "../../../provider/libvirt/api";
import { otherDomains } from "../../../provider/resources/other-domains";

const host = "qemu:///system";
const dom = { name: "db", uuid: "bbbbbbbb-0000-4000-8000-000000000001", id: -1 };

/** A host whose one domain comes and goes. */
function daemon() {
  const there = { domains: [dom], xml: "<domain><name>db</name></domain>" };
  const call = async (name: string) =>
    name === "CONNECT_LIST_ALL_DOMAINS" ? { domains: there.domains } : { xml: there.xml };
  const libvirt = { call } as unknown as Libvirt;
  const look = async (running = false) => (await otherDomains(libvirt, host, "", running))[0]?.documents[0];
  return { there, look };
}

test("a definition that is as it was is not parsed again, and one that changed is", async () => {
  const { there, look } = daemon();
  const first = await look();
  expect(await look()).toBe(first);
  there.xml = "<domain><name>other</name></domain>";
  expect(await look()).not.toEqual(first);
});

test("nothing is kept of a domain that has gone, but of one that is only off", async () => {
  const { there, look } = daemon();
  const first = await look();
  there.domains = [];
  await look(true);
  there.domains = [dom];
  expect(await look()).toBe(first);
  there.domains = [];
  await look();
  there.domains = [dom];
  const anew = await look();
  expect(anew).toEqual(first);
  expect(anew).not.toBe(first);
});
