import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HostKeyCheck } from "../../../provider/transport/host-key";
import {
  fingerprint,
  judge,
  knownHostName,
  linesFor,
  orderAlgorithms,
  parseKnownHosts,
} from "../../../provider/transport/known-hosts";
import { makeFolder, makeKey, publicKey } from "./sshd";

let folder: string;
let ed25519: string;
let other: string;
let rsa: string;

beforeAll(() => {
  folder = makeFolder();
  [ed25519, other] = ["a", "b"].map((name) => publicKey(makeKey(folder, name))) as [string, string];
  rsa = publicKey(makeKey(folder, "c", "", "rsa"));
});

afterAll(() => rmSync(folder, { recursive: true }));

const blob = (line: string) => Buffer.from(line.split(" ")[1] ?? "", "base64");

function verdict(text: string, key: string, host = "rack1", port = 22): string {
  return judge(linesFor(parseKnownHosts(text, "kh"), knownHostName(host, port)), blob(key)).kind;
}

test("names, patterns, ports and negation", () => {
  expect(verdict(`rack1 ${ed25519}`, ed25519)).toBe("known");
  expect(verdict(`RACK1 ${ed25519}`, ed25519, "Rack1")).toBe("known");
  expect(verdict(`rack2,rack1,10.0.0.1 ${ed25519} comment here`, ed25519)).toBe("known");
  expect(verdict(`rack? ${ed25519}`, ed25519)).toBe("known");
  expect(verdict(`*.example,!db.example ${ed25519}`, ed25519, "web.example")).toBe("known");
  expect(verdict(`*.example,!db.example ${ed25519}`, ed25519, "db.example")).toBe("unknown");
  expect(verdict(`rack1 ${ed25519}`, ed25519, "rack1", 2201)).toBe("unknown");
  expect(verdict(`[rack1]:2201 ${ed25519}`, ed25519, "rack1", 2201)).toBe("known");
  expect(verdict(`[fe80::1]:2201 ${ed25519}`, ed25519, "fe80::1", 2201)).toBe("known");
  expect(verdict(`rackX1 ${ed25519}`, ed25519)).toBe("unknown");
  expect(verdict(`rack. ${ed25519}`, ed25519)).toBe("unknown");
});

test("a key is changed only when one of its type is known", () => {
  expect(verdict(`rack1 ${other}`, ed25519)).toBe("changed");
  expect(verdict(`rack1 ${rsa}`, ed25519)).toBe("unknown");
  expect(verdict(`rack1 ${other}\nrack1 ${ed25519}`, ed25519)).toBe("known");
});

test("a revoked key is refused even when it is listed", () => {
  expect(verdict(`rack1 ${ed25519}\n@revoked * ${ed25519}`, ed25519)).toBe("revoked");
  expect(verdict(`rack1 ${ed25519}\n@revoked * ${other}`, ed25519)).toBe("known");
});

test("a certificate authority is no host key", () => {
  expect(verdict(`@cert-authority * ${ed25519}`, ed25519)).toBe("unknown");
});

test("broken lines are passed over", () => {
  const junk = "rack1\nrack1 ssh-ed25519\nrack1 ssh-ed25519 AAAA\n@bogus rack1 x y\n# rack1\n\n|1|x rack1 y\n";
  expect(verdict(`${junk}rack1 ${ed25519}`, ed25519)).toBe("known");
  expect(verdict(junk, ed25519)).toBe("unknown");
});

test("hashed names as ssh-keygen writes them", () => {
  const file = join(folder, "hashed");
  writeFileSync(file, `rack1 ${ed25519}\n[rack1]:2201 ${other}\n`);
  execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
  const text = execFileSync("cat", [file], { encoding: "utf8" });
  expect(text).not.toContain("rack1");
  expect(verdict(text, ed25519)).toBe("known");
  expect(verdict(text, other, "rack1", 2201)).toBe("known");
  expect(verdict(text, ed25519, "rack2")).toBe("unknown");
});

test("fingerprints are those of ssh-keygen", () => {
  const [, expected] = execFileSync("ssh-keygen", ["-lf", join(folder, "c.pub")], { encoding: "utf8" }).split(" ");
  expect(fingerprint(blob(rsa))).toBe(expected);
});

test("algorithms of known keys go first", () => {
  const supported = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"];
  expect(orderAlgorithms(supported, ["ssh-rsa"])).toEqual([
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
  ]);
  expect(orderAlgorithms(supported, [])).toEqual(supported);
});

describe("the check of one host", () => {
  const server = { description: "root@rack1:2201", host: "rack1", port: 2201 };

  async function check(text: string, changes: object = {}): Promise<HostKeyCheck> {
    const file = join(folder, "known_hosts");
    writeFileSync(file, text);
    return await HostKeyCheck.prepare({ files: [file, "/nonexistent"], acceptNew: false, ...changes }, server);
  }

  test("a key known for the bare name serves another port, as with OpenSSH", async () => {
    expect((await check(`rack1 ${ed25519}`)).accepts(blob(ed25519))).toBe(true);
    expect((await check(`rack1 ${other}`)).accepts(blob(ed25519))).toBe(false);
  });

  test("HostKeyAlias replaces host and port", async () => {
    expect((await check(`farm ${ed25519}`, { alias: "farm" })).accepts(blob(ed25519))).toBe(true);
  });

  test("a certificate authority is reported as not supported", async () => {
    const hostKey = await check(`@cert-authority [rack1]:2201 ${other}`);
    expect(hostKey.accepts(blob(ed25519))).toBe(false);
    expect(hostKey.refusal?.reason).toContain("@cert-authority line, and host certificates need ?ssh=openssh");
  });

  test("keys of other types are shown", async () => {
    const hostKey = await check(`[rack1]:2201 ${rsa}`);
    expect(hostKey.algorithms(["ssh-ed25519", "rsa-sha2-512"])).toEqual(["rsa-sha2-512", "ssh-ed25519"]);
    expect(hostKey.accepts(blob(ed25519))).toBe(false);
    expect(hostKey.refusal?.reason).toContain(`known for it: ssh-rsa ${fingerprint(blob(rsa))}`);
  });

  test("accept-new never accepts a changed or revoked key", async () => {
    expect((await check("", { acceptNew: true })).accepts(blob(ed25519))).toBe(true);
    expect((await check(`[rack1]:2201 ${other}`, { acceptNew: true })).accepts(blob(ed25519))).toBe(false);
    expect((await check(`@revoked * ${ed25519}`, { acceptNew: true })).accepts(blob(ed25519))).toBe(false);
  });
});
