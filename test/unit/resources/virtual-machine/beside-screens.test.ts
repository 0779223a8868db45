import type { Values } from "../../../../provider/core/handler";
import { devicesOf } from "../../../../provider/resources/virtual-machine/alias";
import { applyInputs } from "../../../../provider/resources/virtual-machine/apply";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { child, element } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const inputsOf = (args: Values) =>
  checked({ host: { uri: "x" }, memory: "1 GiB", ...args }) as unknown as Inputs & Values;

test.each<[string, Values, number]>([
  ["the card that libvirt added goes with the last screen", {}, 0],
  ["that of an adopted machine stays", { adopted: true }, 1],
])("%s", (_name, outputs, left) => {
  const before = inputsOf({ graphics: { vnc: {} } });
  const document = compose(before);
  child(document, "devices")?.children.push(element("video", {}, element("model", { type: "vga" })));
  expect(devicesOf(applyInputs(document, inputsOf({}), { ...before, ...outputs }), "video")).toHaveLength(left);
});
