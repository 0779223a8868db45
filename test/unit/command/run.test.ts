import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../../../provider/command/command";
import { UsageError } from "../../../provider/command/command";
import { run } from "../../../provider/command/run";
import { KvmError } from "../../../provider/core/errors";

const greet: Command = {
  doc: "Greets a host.",
  parameters: ["URI"],
  options: {
    loud: { type: "boolean", short: "l", doc: "In capitals." },
    from: { type: "string", value: "WHO", doc: "Who." },
  },
  async run([uri], flags, output) {
    if (uri === "down") throw new KvmError("unreachable", { step: "connect", host: "down", reason: "no route" });
    if (uri === "odd") throw new UsageError("odd is no URI");
    const text = `hello ${uri} from ${flags["from"] ?? "nobody"}`;
    output.result(flags["loud"] === true ? text.toUpperCase() : text);
    return uri === "nobody" ? "no" : "done";
  },
};

async function typed(...argv: readonly string[]) {
  const results: string[] = [];
  const notes: string[] = [];
  const output = { result: (line: string) => results.push(line), note: (line: string) => notes.push(line) };
  const code = await run(argv, { greet }, output);
  return { code, result: results.join("\n"), note: notes.join("\n") };
}

test("a command gets its arguments and flags", async () => {
  expect(await typed("greet", "a")).toEqual({ code: 0, result: "hello a from nobody", note: "" });
  expect(await typed("greet", "-l", "a", "--from", "b")).toEqual({ code: 0, result: "HELLO A FROM B", note: "" });
});

test("an answer that is no ends with 2", async () => {
  expect((await typed("greet", "nobody")).code).toBe(2);
});

test("help lists every command, and what one takes", async () => {
  const all = await typed("--help");
  expect(all.code).toBe(0);
  expect(all.result).toMatch(/^ {2}greet {6}Greets a host\.$/m);
  const one = await typed("greet", "--help");
  expect(one).toMatchObject({ code: 0, note: "" });
  expect(one.result).toContain("Usage: pulumi-kvm greet URI [OPTIONS]");
  expect(one.result).toMatch(/^ {2}-l, --loud {2}In capitals\.$/m);
  expect(one.result).toMatch(/^ {2}--from WHO {2}Who\.$/m);
});

test("the version is that of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(__dirname, "../../../package.json"), "utf8"));
  expect(await typed("--version")).toEqual({ code: 0, result: version, note: "" });
});

test("without a command the help goes to standard error with exit code 1", async () => {
  const { code, result, note } = await typed();
  expect({ code, result }).toEqual({ code: 1, result: "" });
  expect(note).toContain("Usage: pulumi-kvm COMMAND");
});

test.each([
  [["gret", "a"], 'pulumi-kvm has no command "gret"; did you mean greet? See pulumi-kvm --help'],
  [["constructor"], 'pulumi-kvm has no command "constructor". See pulumi-kvm --help'],
  [["greet"], "greet takes URI, 0 given; see pulumi-kvm greet --help"],
  [["greet", "odd"], "odd is no URI"],
])("wrong use %j ends with 1 and says what is wrong", async (argv, said) => {
  expect(await typed(...argv)).toEqual({ code: 1, result: "", note: said });
});

test("an option that the command does not have is named", async () => {
  const { code, note } = await typed("greet", "a", "--quiet");
  expect({ code, note }).toEqual({ code: 1, note: "Unknown option '--quiet'; see pulumi-kvm greet --help" });
  expect((await typed("greet", "a", "--lout")).note).toContain("Unknown option '--lout', did you mean --loud?; see");
});

test("a failure ends with 1 and its message without a stack", async () => {
  expect(await typed("greet", "down")).toEqual({ code: 1, result: "", note: "Unable to connect on down: no route" });
});
