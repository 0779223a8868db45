import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ProcedureName, procedure, procedures } from "../../provider/libvirt/procedures";
import { readProtocol } from "../../tools/oracle/protocol";
import { debianSource } from "../../tools/oracle/source";
import { cacheFolder } from "./lab";

// The suites that need nothing but Node cannot fetch a source package; this one may.
describe.each([
  ["9.0.0", "bookworm", 9_000_000],
  ["11.3.0", "trixie", 11_003_000],
])("the procedure table against the protocol files of libvirt %s", (_version, suite, version) => {
  const folder = debianSource("libvirt", suite, cacheFolder(), "*/src/remote/*.x", "protocol");
  const oracle = readProtocol(readFileSync(join(folder, "src/remote/remote_protocol.x"), "utf8"), "remote_");
  const known = (Object.keys(procedures) as ProcedureName[]).filter((name) => (procedure(name).since ?? 0) <= version);

  it("has every procedure of that version, and more than four hundred", () => {
    expect(oracle.size).toBeGreaterThan(400);
    expect(known.filter((name) => !oracle.has(name))).toEqual([]);
  });

  it.each(known)("%s", (name) => {
    const { number, args, result } = procedure(name);
    expect({ number, args: args.layout, result: result.layout }).toEqual(oracle.get(name));
  });

  it("knows nothing that this version has but the table calls newer", () => {
    const newer = (Object.keys(procedures) as ProcedureName[]).filter((name) => !known.includes(name));
    expect(newer.filter((name) => oracle.has(name))).toEqual([]);
  });
});
