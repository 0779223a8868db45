import type { Values } from "../../../../provider/core/handler";
import type { TypedParam } from "../../../../provider/libvirt/api";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import type { Domain } from "../../../../provider/resources/virtual-machine/domain";
import {
  measurementOf,
  putSecret,
  refuseEarlySecret,
} from "../../../../provider/resources/virtual-machine/launch-attestation";
import type { Power } from "../../../../provider/resources/virtual-machine/power-state";
import type { Inputs } from "../../../../provider/resources/virtual-machine/rows";
import { parse } from "../../../../provider/schema/tree";
import { checked } from "./checked";

const inputs = (launch: Readonly<Record<string, unknown>>) =>
  ({ name: "db", host: { uri: "qemu:///system" }, launchSecurity: { type: "sev", ...launch } }) as unknown as Inputs;
const without = inputs({});
const secret = inputs({ secret: "U0VDUkVU", secretHeader: "SEVBRA==", secretAddress: "0x807000" });

function guest(power: Power) {
  const sent: TypedParam[][] = [];
  const domain = {
    name: "db",
    host: "qemu:///system",
    power: async () => power,
    launchSecurityInfo: async () => [{ field: "sev-measurement", type: "string", value: "TUVBU1VSRQ==" }],
    setLaunchSecret: async (params: TypedParam[]) => sent.push(params),
  } as unknown as Domain;
  return { domain, sent };
}

test("a new secret goes into the paused guest, once", async () => {
  const { domain, sent } = guest("paused");
  await putSecret(domain, secret, without);
  await putSecret(domain, secret, secret);
  await putSecret(domain, without, secret);
  expect(sent).toEqual([
    [
      { field: "sev-secret-header", type: "string", value: "SEVBRA==" },
      { field: "sev-secret", type: "string", value: "U0VDUkVU" },
      { field: "sev-secret-set-address", type: "ullong", value: 0x807000n },
    ],
  ]);
});

test("what a change of the secret does is told, and that nothing takes it out", () => {
  const sev = (launch: Values) =>
    checked({
      ...{ host: { uri: "qemu:///system" }, memory: "1 GiB", firmware: "uefi", state: "paused" },
      launchSecurity: { type: "sev", ...launch },
    });
  const lines = (from: Values, to: Values) => virtualMachine.diff("id", sev(from), sev(to)).lines;
  const given = { secret: "U0VDUkVU", secretHeader: "SEVBRA==" };
  expect(lines({}, given)[0]).toBe(
    "launchSecurity.secretHeader: live, put into the guest, which must be paused since its start",
  );
  expect(lines(given, {})).toEqual(
    ["secretHeader", "secret"].map((name) => `launchSecurity.${name}: live, the guest keeps it until it stops`),
  );
  expect(lines(given, { ...given, secretAddress: "0x807000" })).toEqual([
    "launchSecurity.secretAddress: live, for the next secret",
  ]);
});

test("a guest that runs, or does not exist, takes no secret", async () => {
  const { domain, sent } = guest("running");
  await expect(putSecret(domain, secret, without)).rejects.toThrow(/the guest is running; only one that is paused/);
  expect(sent).toEqual([]);
  expect(() => refuseEarlySecret(secret)).toThrow(/launchSecurity.secret .*still to be started; nothing was changed/);
  expect(() => refuseEarlySecret(without)).not.toThrow();
});

test("only of a sev guest a measurement is read", async () => {
  const { domain } = guest("paused");
  const of = (type: string) => measurementOf(domain, parse(`<domain><launchSecurity type='${type}'/></domain>`));
  expect(await of("sev")).toBe("TUVBU1VSRQ==");
  expect(await of("sev-snp")).toBeUndefined();
});
