import {
  followed,
  handedOver,
  isAdoptedElsewhere,
  isMarkOf,
  notOurs,
  readMark,
  requireStillOurs,
  writeMark,
} from "../../../provider/resources/ownership";
import { element } from "../../../provider/schema/tree";
import { handlerContext } from "../../lab/handler-context";

const host = { uri: "qemu+ssh://root@rack1.example/system", owner: "a".repeat(32) };
const mark = {
  owner: host.owner,
  urn: "urn:pulumi:dev::shop::Network::lan",
  uuid: "",
  stateVersion: 1,
  phase: "ready",
} as const;

test("an object of the same deployment is named by its resource, and a forgotten alias by its spelling", () => {
  const { message } = notOurs("Network", "front", host, mark);
  expect(message).toContain(`on ${host.uri}: Network "front" exists already`);
  expect(message).toMatch(/was made by the resource "lan" of this deployment/);
  expect(message).toMatch(/What to do: .*aliases: \[\{ name: "lan" \}\]/);
});

test("what the resource itself has had is not another's: options of the program had it stay", () => {
  const { message } = notOurs("Network", "front", host, mark, "name", mark.urn);
  expect(message).toMatch(/Network "front" exists already and is what this resource has had until now; .*untouched/);
  expect(message).toMatch(/What to do: leave out its option deleteBeforeReplace: false.*retainOnDelete.*another name/);
  expect(message).not.toContain("aliases");
});

test.each([
  [{ ...mark, owner: "b".repeat(32) }, /belongs to urn:pulumi:dev::shop::Network::lan of another deployment/],
  [{ owner: "b".repeat(32) }, /it was made by another deployment, or by this one before .* \(owner b{32}\)/],
  [undefined, /was not made by pulumi-kvm/],
])("what somebody else made may be adopted", (found, holder) => {
  const { message } = notOurs("Network", "front", host, found);
  expect(message).toMatch(holder);
  expect(message).toContain("set adopt: true");
});

test("of a pool of the same deployment nobody knows the resource", () => {
  const { message } = notOurs("StoragePool", "vms", host, { owner: host.owner });
  expect(message).toMatch(/was made by another resource of this deployment/);
  expect(message).toMatch(/aliases: \[\{ name: "its former name" \}\]/);
});

test("what has the uuid is not called by the name that it may not have, and another name is no way out", () => {
  const { message } = notOurs("Network", "front", host, { owner: "b".repeat(32) }, "uuid");
  expect(message).toMatch(/a Network with its uuid exists already/);
  expect(message).toMatch(/What to do: give the resource another name in the program, or a uuid of its own/);
});

test("the object of a resource whose stack was renamed is told from that of a new one", () => {
  const mark = { owner: "a", urn: "urn:pulumi:blue::p::t::db", uuid: "u", stateVersion: 1, phase: "ready" } as const;
  const meta = (stack: string) => ({ organization: "o", project: "p", stack, urn: `urn:pulumi:${stack}::p::t::db` });
  expect([isMarkOf(mark, "a", meta("blue")), isMarkOf(mark, "a", meta("dev"))]).toEqual([true, false]);
  expect([isMarkOf(mark, "b", meta("blue")), isMarkOf(undefined, "a", undefined)]).toEqual([false, false]);
  expect(followed(mark, {}, meta("green"))).toEqual({ ...mark, urn: "urn:pulumi:green::p::t::db" });
  expect(followed(mark, { adopted: true }, meta("blue"))).toEqual({ ...mark, isAdopted: true });
  const { message } = notOurs("Network", "front", { ...host, owner: "a" }, mark, "uuid");
  expect(message).toMatch(/with its uuid exists already and it belongs to urn:pulumi:blue::p::t::db; .*untouched/);
  expect(message).toMatch(/What to do: give the resource another name in the program, or a uuid of its own/);
});

test("what was adopted is nobody's own: the same resource adopts it again, and no stack with its Host does", () => {
  const meta = (stack: string) => {
    return { organization: "o", project: "shop", stack, urn: `urn:pulumi:${stack}::shop::Network::lan` };
  };
  const adopted = { ...mark, isAdopted: true };
  const document = element("network");
  writeMark(document, adopted);
  expect(readMark(document)).toEqual(adopted);
  expect([isMarkOf(mark, host.owner, meta("dev")), isMarkOf(adopted, host.owner, meta("dev"))]).toEqual([true, false]);
  const elsewhere = (stack: string, found: typeof adopted) =>
    isAdoptedElsewhere(found, { host }, handlerContext(meta(stack)));
  expect([elsewhere("dev", adopted), elsewhere("prod", adopted)]).toEqual([false, true]);
  expect(elsewhere("prod", { ...adopted, owner: "b".repeat(32) })).toBe(false);
  const said = (urn: string) => notOurs("Network", "front", host, adopted, "uuid", urn).message;
  expect(said(meta("prod").urn)).toMatch(
    /urn:pulumi:dev::shop::Network::lan has adopted it[\s\S]*let that one go of it/,
  );
  expect(said(mark.urn)).toMatch(/was adopted by this resource before[\s\S]*set adopt: true to go on with it/);
});

test("what a stack with the same Host has adopted is taken over for who made it, and not for who was renamed", () => {
  const urn = "urn:pulumi:prod::shop::Network::lan";
  const context = handlerContext({ organization: "o", project: "shop", stack: "prod", urn });
  const adopted = { ...mark, isAdopted: true };
  expect(handedOver(adopted, { host, adopted: false }, context)).toBe(`${mark.urn} has taken it over since`);
  expect(handedOver(adopted, { host, adopted: true }, context)).toBeUndefined();
  expect(handedOver(mark, { host, adopted: false }, context)).toBeUndefined();
});

describe("an update of what bears the mark of another stack", () => {
  const urn = "urn:pulumi:next::shop::Network::lan";
  const meta = { urn, organization: "o", project: "shop", stack: "next" };
  const update = (owner: string) => {
    const news = { name: "lan", host: { ...host, owner: "b".repeat(32) } };
    const olds = { host: { ...host, owner } };
    return () => requireStillOurs("Network", mark, { olds, news }, handlerContext(meta));
  };

  it("is refused where that one has adopted it", () => {
    expect(update("b".repeat(32))).toThrow(/urn:pulumi:dev::shop::Network::lan has taken it over since/);
  });

  it("is made where the state has come from that one: pulumi state move", () => {
    expect(update(mark.owner)).not.toThrow();
  });
});
