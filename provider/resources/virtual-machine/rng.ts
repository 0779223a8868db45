import { attribute, type Lens, z } from "../../core/attribute";
import { hostPath } from "../../core/quantities";
import { child, type Element, element, ensure, remove, setText, textOf } from "../../schema/tree";
import { claimDevice, deviceNamed, setAlias, unnamedDevices } from "./alias";
import type { LiveOperations } from "./live";

const alias = "ua-rng-host";
const shape = z.strictObject({
  backend: z.enum(["random", "builtin", "egd"]).default("random"),
  /** File of the backend random. */
  device: z.enum(["/dev/urandom", "/dev/random", "/dev/hwrng"]).optional(),
  /** Unix socket of the daemon behind the backend egd. */
  socket: hostPath.optional(),
  rate: z
    .strictObject({
      bytes: z.int().min(1).max(4294967295),
      period: z.int("must be whole milliseconds, 1 to 4294967295").min(1).max(4294967295).default(1000),
    })
    .optional(),
});
type Rng = z.infer<typeof shape>;

/** What the backend has no use for would be dropped in silence; QEMU would look for an egd daemon at an empty path. */
const schema = shape.superRefine(({ backend, device, socket }, context) => {
  const wrong = (name: string, message: string) => context.addIssue({ code: "custom", path: [name], message });
  if (device !== undefined && backend !== "random") wrong("device", 'only the backend "random" reads one');
  if (socket !== undefined && backend !== "egd") wrong("socket", 'only the backend "egd" has one');
  if (socket === undefined && backend === "egd") wrong("socket", 'is required with the backend "egd"');
});
const usual = "/dev/urandom";

function readRng(device: Element | undefined): Rng | undefined {
  const backend = device && child(device, "backend");
  const model = shape.shape.backend.safeParse(backend?.attributes["model"]);
  if (!device || !backend || !model.success) return undefined;
  const file = model.data === "random" ? shape.shape.device.safeParse(textOf(backend).trim()).data : undefined;
  const socket = model.data === "egd" ? child(backend, "source")?.attributes["path"] : undefined;
  const rate = child(device, "rate")?.attributes;
  return {
    backend: model.data,
    ...(file !== undefined && { device: file }),
    ...(socket !== undefined && { socket }),
    ...(rate && { rate: { bytes: Number(rate["bytes"]), period: Number(rate["period"] ?? 1000) } }),
  };
}

/** `true` is the usual device; one that somebody changed shows as what it is. */
const rngLens: Lens<boolean | Rng, Element> = {
  get(document, managed) {
    const found = readRng(deviceNamed(document, alias));
    if (!found) return false;
    const isUsual = found.backend === "random" && found.device === usual && !found.rate;
    return isUsual && typeof managed === "boolean" ? true : found;
  },
  set(document, value) {
    const present = deviceNamed(document, alias);
    const devices = ensure(document, "devices");
    if (!value) {
      devices.children = devices.children.filter((node) => node !== present);
      return;
    }
    const device = present ?? element("rng", { model: "virtio" });
    if (!present) devices.children.push(device);
    const { backend, device: file = usual, socket, rate } = value === true ? shape.parse({}) : value;
    for (const name of ["backend", "rate"]) remove(device, name);
    const source = ensure(device, "backend");
    source.attributes = { model: backend, ...(backend === "egd" && { type: "unix" }) };
    if (backend === "random") setText(source, file);
    if (backend === "egd") source.children.push(element("source", { mode: "connect", path: socket }));
    if (rate) device.children.push(element("rate", { bytes: String(rate.bytes), period: String(rate.period) }));
    setAlias(device, alias);
  },
  claim(document, value) {
    const [device] = value && !deviceNamed(document, alias) ? unnamedDevices(document, "rng") : [];
    if (device) claimDevice(device, alias);
  },
};

export const rngRows = {
  rng: attribute({
    doc: "Random number device (`<rng>`): `true` is fed from the host's /dev/urandom; or its `backend` (`random` with a `device`, QEMU's `builtin`, or `egd` behind a unix `socket`) and `rate`, at most `bytes` in each `period` of milliseconds. It is plugged in and out as the guest runs. Default true.",
    schema: z.union([z.boolean(), schema]),
    defaults: { 1: true },
    change: "live",
    lens: rngLens,
  }),
};

export const rngOperations: LiveOperations = { rng: (operation) => operation.plugNamed(alias) };
