import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSeed, MAX_DOCUMENT_BYTES, type SeedArgs } from "../../../provider/seed/cloud-init";
import { SeedError } from "../../../provider/seed/seed-error";

/** The documents in a seed, read by xorriso. */
function documents(args: Partial<SeedArgs>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "kvm-seed-"));
  try {
    const path = join(folder, "seed.iso");
    const out = join(folder, "out");
    writeFileSync(path, seed(args).iso);
    execFileSync("xorriso", ["-no_rc", "-indev", path, "-osirrox", "on", "-extract", "/", out], { stdio: "pipe" });
    return Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const seed = (args: Partial<SeedArgs>) => buildSeed({ userData: {}, instanceId: "i-1", ...args });

describe("buildSeed", () => {
  it("writes objects as cloud-config, keys in the order given", () => {
    const read = documents({
      userData: {
        hostname: "db",
        ssh_authorized_keys: ["ssh-ed25519 AAAA/b+c= me@x"],
        a: undefined,
        mode: "0644",
        yes: "no",
      },
      networkConfig: { version: 2, ethernets: { lan: { match: { macaddress: "52:54:00:12:34:56" }, dhcp4: true } } },
      vendorData: { timezone: "UTC" },
      hostname: "db.example",
    });
    expect(read).toEqual({
      "user-data":
        '#cloud-config\nhostname: db\nssh_authorized_keys:\n  - ssh-ed25519 AAAA/b+c= me@x\nmode: "0644"\n"yes": "no"\n',
      "meta-data": "instance-id: i-1\nlocal-hostname: db.example\n",
      "network-config":
        'version: 2\nethernets:\n  lan:\n    match:\n      macaddress: "52:54:00:12:34:56"\n    dhcp4: true\n',
      "vendor-data": "#cloud-config\ntimezone: UTC\n",
    });
  });

  it.each([
    "#!/bin/sh\r\necho 'x'\n",
    "#cloud-config\nb: 1\na: 2",
    'Content-Type: multipart/mixed; boundary="x"\n\n--x--',
    "## template: jinja\n#cloud-config\nfqdn: {{ v1.local_hostname }}\n",
    "",
  ])("passes text through untouched: %j", (userData) => {
    expect(documents({ userData })["user-data"]).toBe(userData);
    expect(seed({ userData }).warnings).toEqual([]);
  });

  it("warns of text that cloud-init would ignore", () => {
    expect(seed({ userData: "hostname: db\n" }).warnings).toEqual([
      expect.stringMatching(/^user-data begins with none/),
    ]);
    expect(seed({ userData: "\ufeff#cloud-config\n" }).warnings).toEqual([expect.stringMatching(/byte order mark/)]);
    expect(seed({ vendorData: "x" }).warnings).toEqual([expect.stringMatching(/^vendor-data/)]);
    expect(seed({ networkConfig: "version: 2", metaData: "a: 1" }).warnings).toEqual([]);
  });

  it.each<[Partial<SeedArgs>, RegExp]>([
    [{ userData: "#cloud-config\nusers:\n\t- hush\n" }, /^user-data is no YAML \(TAB_AS_INDENT at line 3, column 1\)/],
    [{ vendorData: "#cloud-config\nusers: *hush\n" }, /^vendor-data is no YAML \(an alias/],
    [{ networkConfig: "ethernets: [" }, /^network-config is no YAML \(\w+ at line 1/],
    [{ networkConfig: { version: 3, ethernets: {} } }, /^network-config says version 3: cloud-init knows 1 and 2$/],
    [{ networkConfig: "network:\n  ethernets: {}\n" }, /^network-config says no version/],
  ])("warns of what cloud-init cannot read, and quotes none of it: %j", (args, expected) => {
    const { warnings } = seed(args);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
    expect(warnings.join()).not.toContain("hush");
  });

  it.each<Partial<SeedArgs>>([
    { userData: "#cloud-config\na: 1\na: 2\n" },
    { userData: "#!/bin/sh\nusers: [\n" },
    { networkConfig: "network:\n  config: disabled\n" },
    { networkConfig: { network: { version: 1, config: [] } } },
  ])("is content with what it can read: %j", (args) => {
    expect(seed(args).warnings).toEqual([]);
  });

  it("writes a list as cloud-config-archive", () => {
    expect(documents({ userData: [{ type: "text/x-shellscript", content: "#!/bin/sh\nid\n" }] })["user-data"]).toBe(
      "#cloud-config-archive\n- type: text/x-shellscript\n  content: |\n    #!/bin/sh\n    id\n",
    );
  });

  it("always has an instance id and a host name; metaData wins", () => {
    expect(documents({})["meta-data"]).toBe("instance-id: i-1\nlocal-hostname: i-1\n");
    expect(documents({ hostname: "a", metaData: "local-hostname: b\nrack: 7\n" })["meta-data"]).toBe(
      "instance-id: i-1\nlocal-hostname: b\nrack: 7\n",
    );
    expect(documents({ hostname: "a", metaData: { "instance-id": "mine" } })["meta-data"]).toBe(
      "instance-id: mine\nlocal-hostname: a\n",
    );
  });

  it("is a function of its arguments, with the hash of the image", () => {
    const first = seed({ userData: { a: 1, b: 2 } });
    expect(seed({ userData: { a: 1, b: 2 } }).iso.equals(first.iso)).toBe(true);
    expect(first.sha256).toBe(createHash("sha256").update(first.iso).digest("hex"));
    expect(seed({ userData: { b: 2, a: 1 } }).sha256).not.toBe(first.sha256);
  });

  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  it.each<[string, Partial<SeedArgs>, string]>([
    ["an id with a line break", { instanceId: "a\nb", hostname: "a" }, "instance id"],
    ["an empty id", { instanceId: "", hostname: "a" }, "instance id"],
    ["a host name with a line break", { hostname: "a\nb" }, "is no host name"],
    ["a host name with _", { hostname: "a_b" }, "is no host name"],
    ["a label of 64 letters", { hostname: "a".repeat(64) }, "is no host name"],
    ["meta-data that is a list", { metaData: "- a" }, "must be a YAML mapping"],
    ["meta-data that is no YAML", { metaData: "a: [" }, "metaData is no YAML"],
    ["a function", { userData: { a: [() => 1] } }, "userData.a[0] is a function"],
    ["a date", { userData: { a: new Date(0) } }, "userData.a is a Date"],
    ["NaN", { userData: { a: Number.NaN } }, "userData.a is the number NaN"],
    ["a bigint", { userData: { a: 1n } }, "userData.a is a bigint"],
    ["a loop", { userData: loop }, "userData.self contains itself"],
    ["half a character", { userData: { a: "\ud800" } }, "userData.a holds half a character"],
    ["too much", { userData: `#!${"x".repeat(MAX_DOCUMENT_BYTES)}` }, "the limit is"],
  ])("refuses %s", (_, args, message) => {
    expect(() => seed(args)).toThrow(SeedError);
    expect(() => seed(args)).toThrow(message);
  });

  it("quotes what PyYAML takes for merge keys, defaults, octals, times, dates and truth", () => {
    const tricky = [
      "<<",
      "=",
      "0644",
      "0o17",
      "1:30",
      "2001-01-01",
      "yes",
      "Off",
      "y",
      "~",
      "1_000",
      ".inf",
      "a: b",
      "\u0085",
    ];
    const lines = documents({ userData: { tricky } })["user-data"]?.trimEnd().split("\n").slice(2);
    expect(lines).toEqual(tricky.map((text) => `  - "${text.replace("\u0085", "\\u0085")}"`));
  });

  it("writes one object used twice twice, without anchors", () => {
    const shared = { a: 1 };
    expect(documents({ userData: { a: shared, b: shared } })["user-data"]).toBe(
      "#cloud-config\na:\n  a: 1\nb:\n  a: 1\n",
    );
  });
});
