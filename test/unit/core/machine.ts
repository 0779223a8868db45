import { attribute, block, mapOf, z } from "../../../provider/core/attribute";
import { size, text } from "../../../provider/core/quantities";
import { defineResource } from "../../../provider/core/resource";

/** Rows of every kind, for the tests of what is derived from rows. */
export const rows = {
  name: attribute({
    doc: "Its name.",
    schema: text,
    derive: ({ identity }) => identity.physicalName,
    change: "replace",
  }),
  memory: attribute({ doc: "Its memory.", schema: size, change: "live" }),
  vcpus: attribute({
    doc: "Its CPUs.",
    schema: z.int().min(1),
    defaults: { 1: 1 },
    change: (old, next) =>
      Number(next) > Number(old) ? { class: "live" } : { class: "restart", reason: "CPUs cannot be unplugged" },
  }),
  password: attribute({ doc: "Its password.", schema: z.string().optional(), secret: true, change: "live" }),
  label: attribute({
    doc: "Follows the name.",
    schema: z.string().optional(),
    derive: ({ siblings }) => `label of ${String(siblings["memory"])}`,
    follows: true,
    change: "none",
  }),
  cpu: block({
    doc: "Its CPU.",
    rows: {
      mode: attribute({ doc: "Mode.", schema: z.enum(["host", "custom"]), defaults: { 1: "host" }, change: "restart" }),
      model: attribute({ doc: "Model.", schema: z.string().optional(), change: "restart" }),
    },
  }),
  disks: mapOf({
    doc: "Its disks.",
    rows: {
      path: attribute({ doc: "Path of the image.", schema: z.string(), change: "restart" }),
      serial: attribute({
        doc: "Serial number.",
        schema: z.string(),
        derive: ({ identity, keys }) => identity.serial(keys.join("/")),
        change: "restart",
      }),
      key: attribute({ doc: "Passphrase.", schema: z.string().optional(), secret: true, change: "live" }),
    },
  }),
};

export const meta = {
  organization: "organization",
  project: "shop",
  stack: "dev",
  urn: "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/kvm:Machine::db",
};

/** A resource without a host: create and update answer what they were told. */
export const machine = defineResource({
  type: "Machine",
  doc: "A machine of the tests.",
  rows,
  outputs: {
    address: { doc: "Its address.", type: "string" },
    token: { doc: "A secret output.", type: "string", secret: true },
  },
  rules: [
    {
      needs: ["vcpus", "memory"],
      check: ({ vcpus, memory }) =>
        vcpus > 8 && memory === "1 GiB" ? [{ property: "memory", reason: "too little for so many CPUs" }] : [],
    },
    {
      needs: ["cpu"],
      check: ({ cpu }) =>
        cpu?.mode === "custom" && cpu.model === undefined ? [{ property: "cpu.model", reason: "is missing" }] : [],
    },
  ],
  create: async (inputs) => ({ id: "id-1", outputs: { address: "10.0.0.1" }, applied: { memory: inputs.memory } }),
  read: async (id, state) =>
    id === "gone"
      ? undefined
      : { id, outputs: { address: "10.0.0.2" }, applied: { memory: "2 GiB" }, inputs: { ...state, memory: "2 GiB" } },
  update: async (id, _olds, news) => ({ id, outputs: { address: "10.0.0.3" }, applied: { memory: news.memory } }),
  delete: async () => undefined,
});
