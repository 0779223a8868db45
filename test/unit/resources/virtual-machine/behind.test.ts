import type { Change } from "../../../../provider/core/diff";
import type { Values } from "../../../../provider/core/handler";
import { virtualMachine } from "../../../../provider/resources/virtual-machine";
import { lagOf } from "../../../../provider/resources/virtual-machine/behind";
import { memoOf, type RunNote } from "../../../../provider/resources/virtual-machine/run-note";
import { checked } from "./checked";

const base = {
  host: { uri: "qemu+ssh://rack1/system", uuid: "11111111-0000-4000-8000-000000000000" },
  vcpus: 2,
  maxVcpus: 4,
  memory: "1 GiB",
  title: "ours",
  disks: { data: { volume: { path: "/data", format: "qcow2", name: "data" } } },
};

const inputsOf = (args: Values) => checked({ ...base, ...args });

/** What a preview says of a program after a refresh that found these properties otherwise in the running guest. */
function afterRefresh(behind: readonly string[], args: Values = {}) {
  const memo = { behind };
  return virtualMachine.diff("id", { ...inputsOf({}), __kvm: { stateVersion: 1, memo } }, inputsOf(args));
}

test("what a refresh found in the running guest alone is a live change, whatever the inputs say", () => {
  const { changes, lines, replaces, onlyMends } = afterRefresh(["disks.data", "disks.theirs", "title", "vcpus"]);
  expect(changes.map(({ property, class: kind }) => [property, kind])).toEqual([
    ["disks.data", "live"],
    ["disks.theirs", "live"],
    ["title", "live"],
    ["vcpus", "live"],
  ]);
  expect([lines, replaces, onlyMends]).toEqual([
    [
      "disks.data: live, the running guest lacks it",
      "disks.theirs: live, only the running guest has it",
      "title: live, the running guest has it otherwise",
      "vcpus: live, the running guest has it otherwise",
    ],
    [],
    true,
  ]);
});

test("beside what the program changes it is said once, and the engine compares the inputs itself", () => {
  const { lines, onlyMends } = afterRefresh(["disks.data.iotune", "title", "vcpus"], { title: "new", disks: {} });
  expect(lines).toEqual([
    "title: live",
    "disks.data: live, removed",
    "vcpus: live, the running guest has it otherwise",
  ]);
  expect(onlyMends).toBeUndefined();
});

test("a guest that is to be off or to be another is not mended", () => {
  expect(afterRefresh(["title"], { state: "stopped" }).lines).toEqual(["state: live"]);
  const other = afterRefresh(["title"], { uuid: "00000001-2222-4333-8444-555555555555" });
  expect(other.changes.map(({ property }) => property)).toEqual(["uuid"]);
});

test("a state without notes has no such change", () => {
  for (const more of [{}, { __kvm: { stateVersion: 1 } }, { __kvm: { memo: { left: { title: { old: "theirs" } } } } }])
    expect(virtualMachine.diff("id", { ...inputsOf({}), pendingRestart: ["title"], ...more }, inputsOf({}))).toEqual({
      changes: [],
      lines: [],
      plain: [],
      replaces: [],
      deleteBeforeReplace: true,
    });
});

describe("a look at the running guest", () => {
  const change = (property: string, old: unknown, next: unknown, kind: Change["class"] = "live"): Change => {
    return { path: property.split("."), property, old, next, class: kind };
  };
  const stateWith = (note: RunNote) => {
    return { __kvm: { applied: { title: "ours" }, memo: memoOf(note) } };
  };
  interface Look {
    readonly isDone?: boolean;
    readonly wanted?: Values;
    readonly named?: Values;
  }
  const look = (waiting: readonly Change[], known: Values, { isDone = false, wanted = {}, named }: Look = {}) => {
    const { behind, left } = lagOf(waiting, { wanted, named: named ?? wanted, known, isDone });
    return { behind: behind.map(({ property }) => property), left: Object.keys(left), note: { left } };
  };
  const title = change("title", "theirs", "ours");
  const settled = stateWith({});

  test("finds drift in what can change as it runs, and in nothing else", () => {
    const waiting = [
      title,
      change("cpu.model", "a", "b", "restart"),
      // No call changes it.
      change("overlay", { a: 1 }, { a: 2 }),
      change("disks.data", undefined, { path: "/data" }),
    ];
    expect(look(waiting, settled)).toMatchObject({ behind: ["title", "disks.data"], left: [] });
  });

  test("leaves what an update could not mend, while guest and definition stay as they were", () => {
    const { note, ...after } = look([title], settled, { isDone: true });
    expect(after).toEqual({ behind: [], left: ["title"] });
    // The state goes through JSON.
    const known = JSON.parse(JSON.stringify(stateWith(note))) as Values;
    expect(look([title], known)).toMatchObject({ behind: [], left: ["title"] });
    expect(look([change("title", "others", "ours")], known)).toMatchObject({ behind: ["title"], left: [] });
    expect(look([change("title", "theirs", "new")], known)).toMatchObject({ behind: ["title"], left: [] });
    expect(look([], known)).toMatchObject({ behind: [], left: [] });
  });

  test("asks a balloon once for what it is wanted to have", () => {
    const memory = (old: string) => change("memory", old, "1 GiB");
    expect(look([memory("2 GiB")], settled)).toMatchObject({ behind: ["memory"] });
    const known = stateWith(look([memory("2 GiB")], settled, { isDone: true }).note);
    expect(look([memory("1536 MiB")], known)).toMatchObject({ behind: [], left: ["memory"] });
    const itself = { wanted: { balloon: { autodeflate: true } } };
    expect(look([memory("2 GiB")], settled, itself)).toMatchObject({ behind: [], left: [] });
  });

  test("owes a restart where that is the policy, once, and none for what no program names", () => {
    const restart = { changePolicy: "restart", cpu: { model: "b" } };
    const model = change("cpu.model", "a", "b", "restart");
    const theirs = change("disks.data.cache", undefined, "none", "restart");
    const known = { ...settled, ...restart };
    expect(look([model, theirs], known, { wanted: restart }).left).toEqual(["disks.data.cache"]);
    const gone = { wanted: { changePolicy: "restart" }, named: restart };
    expect(look([change("cpu.model", "a", undefined, "restart")], known, gone).left).toEqual([]);
    const { note, left } = look([model, title], known, { wanted: restart, isDone: true });
    expect(left).toEqual(["cpu.model", "title"]);
    expect(look([model, title], { ...stateWith(note), ...restart }, { wanted: restart }).left).toEqual(left);
    expect(look([title], { ...stateWith(note), changePolicy: "stage" }, { wanted: restart })).toMatchObject({
      behind: ["title"],
      left: [],
    });
  });

  test("takes all as it is where it is the first one", () => {
    expect(look([title], {})).toMatchObject({ behind: [], left: ["title"] });
    expect(look([title], { adopted: true, __kvm: { applied: {} } })).toMatchObject({ behind: [], left: ["title"] });
  });
});
