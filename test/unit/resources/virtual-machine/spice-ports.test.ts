import { graphicsRows } from "../../../../provider/resources/virtual-machine/graphics";
import type { ElementLens } from "../../../../provider/schema/lens";
import { element, render } from "../../../../provider/schema/tree";

/** No golden document: the daemons of the lab take a TLS port only with certificates, and refuse it at once without. */
const { port, tlsPort } = graphicsRows.graphics.rows;
const lensOf = (row: { readonly lens?: unknown }) => row.lens as ElementLens<number>;

test("libvirt chooses both ports or none", () => {
  const spice = element("graphics", { type: "spice", autoport: "yes", port: "5900", tlsPort: "5901" });
  expect([lensOf(port).get(spice), lensOf(tlsPort).get(spice)]).toEqual([undefined, undefined]);
  lensOf(tlsPort).set(spice, 5999);
  expect(render(spice).trim()).toBe("<graphics type='spice' autoport='no' tlsPort='5999'/>");
  lensOf(port).set(spice, undefined);
  expect([lensOf(port).get(spice), lensOf(tlsPort).get(spice)]).toEqual([undefined, 5999]);
  lensOf(tlsPort).set(spice, undefined);
  expect(spice.attributes).toEqual({ type: "spice", autoport: "yes" });
  const shown = element("graphics", { type: "spice", autoport: "no", port: "-1", tlsPort: "5999" });
  expect(lensOf(port).get(shown)).toBeUndefined();
});
