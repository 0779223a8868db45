#!/usr/bin/env node
import { commands } from "./commands";
import { run } from "./run";

const output = {
  result: (line: string) => void process.stdout.write(`${line}\n`),
  note: (line: string) => void process.stderr.write(`${line}\n`),
};

void run(process.argv.slice(2), commands, output).then((code) => {
  process.exitCode = code;
});
