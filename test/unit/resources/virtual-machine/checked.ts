import type { Meta, Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";

const urn = "urn:pulumi:dev::unit::pulumi-nodejs:dynamic/kvm:VirtualMachine::db";
export const meta: Meta = { organization: "organization", project: "unit", stack: "dev", urn };

/** The inputs of a machine in whose arguments the check finds nothing wrong. */
export function checked(args: Values, olds?: Values): Values {
  const { inputs, failures } = virtualMachine.check(args, olds, meta);
  expect(failures).toEqual([]);
  return inputs;
}
