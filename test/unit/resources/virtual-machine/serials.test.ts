import type { Values } from "../../../../provider/core/handler";
import { deviceNamed, devicesOf } from "../../../../provider/resources/virtual-machine/alias";
import { applyInputs } from "../../../../provider/resources/virtual-machine/apply";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { children, clone, type Element } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const inputsOf = (args: Values) => checked({ host: { uri: "x" }, memory: "1 GiB", ...args }) as Inputs;

/** The serial ports and their numbers, and what libvirt shows of the first once more. */
function portsOf(document: Element): string[] {
  return ["serial", "console"].flatMap((name) =>
    devicesOf(document, name).map((device) => {
      const alias = device.children.find((node): node is Element => "name" in node && node.name === "alias");
      return `${name} ${alias?.attributes["name"]} ${children(device, "target")[0]?.attributes["port"]}`;
    }),
  );
}

/** As libvirt shows it: the first serial port is a console too. */
function shown(document: Element): Element {
  const devices = children(document, "devices")[0] as Element;
  const [first] = devicesOf(document, "serial");
  if (!first || devicesOf(document, "console").length > 0) return document;
  const mirror = clone(first);
  children(mirror, "target")[0]?.children.splice(0);
  Object.assign(children(mirror, "target")[0]?.attributes ?? {}, { type: "serial" });
  devices.children.splice(devices.children.indexOf(first) + 1, 0, { ...mirror, name: "console" });
  return document;
}

const serials = { modem: { source: { type: "tcp", host: "127.0.0.1", port: 4555, protocol: "telnet" } } };

test("the last serial port goes with the console that libvirt shows of it", () => {
  const before = inputsOf({ console: false, serials });
  const document = shown(compose(before));
  expect(portsOf(document)).toEqual(["serial ua-serials-modem 1", "console ua-serials-modem 1"]);
  expect(portsOf(applyInputs(document, inputsOf({ console: false }), before))).toEqual([]);
});

test("the console comes first again, and libvirt shows that one", () => {
  const before = inputsOf({ console: false, serials });
  const after = inputsOf({ serials });
  const document = applyInputs(shown(compose(before)), after, before);
  expect(portsOf(document)).toEqual(["serial ua-serial-console 0", "serial ua-serials-modem 1"]);
  expect(portsOf(shown(document))).toContain("console ua-serial-console 0");
});

test("two ports of an adopted machine have no number in common", () => {
  const before = inputsOf({ console: false, serials });
  const document = compose(before);
  const target = children(deviceNamed(document, "ua-serials-modem") as Element, "target")[0] as Element;
  target.attributes["port"] = "0";
  const ports = portsOf(applyInputs(shown(document), inputsOf({ serials }), before));
  expect(ports).toEqual(["serial ua-serial-console 1", "serial ua-serials-modem 0"]);
});

test("the controller of a smart card reader goes with it", () => {
  const before = inputsOf({ smartcard: "host" });
  const document = compose(before);
  const ccid: Element = { name: "controller", attributes: { type: "ccid", index: "0" }, children: [] };
  (children(document, "devices")[0] as Element).children.push(ccid);
  const types = (found: Element) => devicesOf(found, "controller").map(({ attributes }) => attributes["type"]);
  expect(types(applyInputs(clone(document), before, before))).toContain("ccid");
  expect(types(applyInputs(document, inputsOf({ usbController: "none" }), before))).not.toContain("ccid");
});
