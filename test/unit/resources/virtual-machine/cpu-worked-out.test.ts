import type { Values } from "../../../../provider/core/handler";
import { pendingOf, residue, untold } from "../../../../provider/resources/virtual-machine/pending";
import { compose } from "../../../../provider/resources/virtual-machine/render";
import { type Inputs, rows } from "../../../../provider/resources/virtual-machine/rows";
import { clone, ensure, parse } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const host = { uri: "qemu:///system", uuid: "11111111-0000-4000-8000-000000000000" };
const inputsOf = (cpu: Values) => checked({ host, memory: "1 GiB", virtType: "qemu", cpu }) as Inputs;
const custom = (more: Values = {}) => ({ mode: "custom", model: "EPYC", ...more });
const hostModel = (more: Values = {}) => ({ mode: "host-model", ...more });

/** A guest whose CPU libvirt shows with that model and these features; with a vendor if it has chosen the model. */
function running(model: string, features: Readonly<Record<string, string>>, vendor = "") {
  const live = clone(compose(inputsOf({})));
  const shown = Object.entries(features).map(([name, policy]) => `<feature policy='${policy}' name='${name}'/>`);
  const cpu = parse(
    `<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>${model}</model>${vendor}${shown.join("")}</cpu>`,
  );
  Object.assign(ensure(live, "cpu"), cpu);
  return live;
}

const shows = { hypervisor: "require", aes: "require", avx: "disable", vmx: "disable" };
const guests = {
  custom: running("EPYC", shows),
  "host-model": running("EPYC", shows, "<vendor>AMD</vendor>"),
};

/** What waits of a guest that was started with `first`. */
function waits(first: Values, before: Values, after: Values): string[] {
  const live = guests[first["mode"] as keyof typeof guests];
  const [from, to] = [inputsOf(before), inputsOf(after)];
  const config = compose(to);
  const waiting = residue(rows, to, live, config);
  return [...pendingOf(waiting), ...untold(rows, from, to, { live, config, waiting })];
}

test.each<Values>([
  hostModel(),
  hostModel({ features: { avx: "disable", aes: "require" } }),
  hostModel({ nested: true }),
  custom(),
  custom({ features: { avx: "optional", aes: "force", pks: "forbid" } }),
  custom({ features: { aes: "optional" }, nested: false }),
])("a guest has the CPU that libvirt has worked out of %j", (cpu) => {
  expect(waits(cpu, cpu, cpu)).toEqual([]);
});

test.each<[Values, Values, string[]]>([
  [hostModel(), custom({ model: "Nehalem" }), ["cpu.mode", "cpu.model"]],
  [hostModel(), custom(), ["cpu.mode", "cpu.model"]],
  [custom(), hostModel(), ["cpu.mode"]],
  [custom(), custom({ features: { avx: "require" } }), ["cpu.features"]],
  [custom(), custom({ features: { aes: "disable" } }), ["cpu.features"]],
  [
    custom({ features: { aes: "require", avx: "optional" } }),
    custom({ features: { avx: "optional" } }),
    ["cpu.features"],
  ],
  [custom({ features: { pks: "require", avx: "optional" } }), custom({ features: { avx: "optional" } }), []],
  [custom({ features: { aes: "require" }, nested: false }), custom({ features: { aes: "require" } }), ["cpu.nested"]],
])("what changes from %j to %j waits, unless the guest has it", (before, after, properties) => {
  expect(waits(before, before, after)).toEqual(properties);
});

test.each<[Values, Values, string[]]>([
  [hostModel(), custom(), ["cpu.mode", "cpu.model"]],
  [hostModel(), custom({ model: "Nehalem" }), ["cpu.mode", "cpu.model"]],
  [custom(), hostModel(), ["cpu.mode"]],
])(
  "a guest started with %j, then given %j, waits for that however often one looks, and no more when it is taken back",
  (first, other, properties) => {
    expect(waits(first, other, other)).toEqual(properties);
    expect(waits(first, other, first)).toEqual([]);
  },
);
