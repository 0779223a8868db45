import type { Meta } from "../../../provider/core/handler";
import { network } from "../../../provider/resources/network";
import { compose, describe, observe } from "../../../provider/resources/network/document";
import type { Inputs } from "../../../provider/resources/network/rows";
import { parse, render } from "../../../provider/schema/tree";

/** A network as others made it, with ranges and lease times that no argument says. */
const host = { uri: "qemu:///system" };
const meta: Meta = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::lan" };
const theirs = parse(`<network><name>dual</name><uuid>11111111-2222-4333-8444-555555555555</uuid><forward mode='nat'/>
  <bridge name='virbr5' stp='on' delay='0'/>
  <ip address='10.5.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.5.0.100' end='10.5.0.150'><lease expiry='1' unit='hours'/></range>
    <range start='10.5.0.200' end='10.5.0.220'/>
    <host mac='52:54:00:AA:00:01' name='one' ip='10.5.0.10'><lease expiry='12' unit='hours'/></host>
  </dhcp></ip>
  <ip family='ipv6' address='fd00:5::1' prefix='64'><dhcp><range start='fd00:5::100' end='fd00:5::1ff'/></dhcp></ip>
</network>`);

function check(more: object = {}): Inputs {
  const { inputs, failures } = network.check({ ...describe(theirs), host, ...more }, undefined, meta);
  expect(failures).toEqual([]);
  return inputs as Inputs;
}

test("an update of something else keeps them as they are written", () => {
  const made = render(compose(theirs, check({ domain: "lab.example" }), check()));
  expect(made).toMatch(/10\.5\.0\.100[\s\S]*<lease expiry='1' unit='hours'\/>[\s\S]*10\.5\.0\.200/);
  expect(made).toMatch(/52:54:00:aa:00:01' name='one' ip='10\.5\.0\.10'>\s*<lease expiry='12' unit='hours'\/>/);
  expect(made).toContain("<range start='fd00:5::100' end='fd00:5::1ff'/>");
});

test("another range takes the place of ours alone, and is read back beside the others", () => {
  const news = check({ dhcp: { start: "10.5.0.20", end: "10.5.0.30" } });
  const made = compose(theirs, news, check());
  expect(render(made)).not.toContain("10.5.0.100");
  expect(render(made)).toMatch(/10\.5\.0\.20'[\s\S]*10\.5\.0\.200[\s\S]*fd00:5::100/);
  expect(observe(made, news)["dhcp"]).toEqual(news.dhcp);
});

test("a range that somebody gave ours instead is drift, and goes", () => {
  const news = check({ dhcp: true });
  expect(observe(theirs, news)["dhcp"]).toEqual({ start: "10.5.0.100", end: "10.5.0.150", leaseTime: "1 h" });
  const made = render(compose(theirs, news, news));
  expect(made).toContain("<range start='10.5.0.2' end='10.5.0.254'/>");
  expect(made).not.toMatch(/10\.5\.0\.[12]\d0'/);
});

test("a network that hands out addresses of IPv6 alone is described with its range", () => {
  const range = "<range start='fd00:5::100' end='fd00:5::1ff'/>";
  const wide = `<ip family='ipv6' address='fd00:5::1' prefix='64'><dhcp>${range}</dhcp></ip>`;
  const dhcpOf = (ips: string) => describe(parse(`<network><name>wide</name>${ips}</network>`))["dhcp"];
  const said = { start: "fd00:5::100", end: "fd00:5::1ff" };
  expect(dhcpOf(wide)).toEqual(said);
  expect(dhcpOf(`<ip address='10.5.0.1' prefix='24'/>${wide}`)).toEqual(said);
  expect(describe(theirs)["dhcp"]).toMatchObject({ start: "10.5.0.100" });
});
