import type { Context, Values } from "../../../../provider/core/handler";
import type { Libvirt } from "../../../../provider/libvirt/api";
import { remove } from "../../../../provider/resources/virtual-machine/delete";
import { Domain } from "../../../../provider/resources/virtual-machine/domain";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";

const [keepsNvram, removesTpm, keepsTpm] = [8, 32, 64];
const machine = { host: { uri: "qemu:///system" }, name: "db", tpm: { backend: "emulator" } };

/** Deletes a machine that is off, by a libvirt of that version; answers the flags with which it is undefined. */
async function flagsOf(version: number, state: Values, next?: Values): Promise<number> {
  const sent: number[] = [];
  const answers: Record<string, object> = {
    DOMAIN_GET_XML_DESC: { xml: "<domain><name>db</name><os/></domain>" },
    DOMAIN_LIST_ALL_SNAPSHOTS: { snapshots: [] },
    DOMAIN_LIST_ALL_CHECKPOINTS: { checkpoints: [] },
    DOMAIN_GET_STATE: { state: 5, reason: 1 },
    DOMAIN_IS_ACTIVE: { active: 0 },
  };
  const call = async (name: string, args: { readonly flags: number }) => {
    if (name === "DOMAIN_UNDEFINE_FLAGS") sent.push(args.flags);
    return answers[name] ?? {};
  };
  const domain = Domain.at({ version, call } as unknown as Libvirt, "qemu:///system", "u", "db");
  const context = { meta: undefined, info: jest.fn(), warn: jest.fn() } as unknown as Context;
  await remove(domain, state as Inputs & Values, context, next as Inputs | undefined);
  return sent[0] ?? 0;
}

test("the state of a TPM goes with its machine, and stays for one that is made anew", async () => {
  expect((await flagsOf(8_009_000, machine)) & (removesTpm | keepsTpm)).toBe(removesTpm);
  expect((await flagsOf(8_009_000, machine, machine)) & (removesTpm | keepsTpm)).toBe(keepsTpm);
  expect((await flagsOf(8_009_000, machine, { ...machine, tpm: undefined })) & keepsTpm).toBe(0);
  expect((await flagsOf(9_000_000, machine, { ...machine, firmware: "uefi" })) & keepsNvram).toBe(keepsNvram);
});

test("a libvirt that cannot leave the state of a TPM undefines no machine to make it anew", async () => {
  await expect(flagsOf(8_008_000, machine, machine)).rejects.toThrow(
    /^Unable to make VirtualMachine db anew on qemu:\/\/\/system: libvirt before 8\.9 takes the state of its TPM away/,
  );
  const outliving = { ...machine, tpm: { ...machine.tpm, persistentState: true } };
  for (const [state, next] of [
    [machine, undefined],
    [outliving, outliving],
    [machine, { ...machine, tpm: undefined }],
  ] as const) {
    expect((await flagsOf(8_008_000, state, next)) & (removesTpm | keepsTpm)).toBe(0);
  }
});
