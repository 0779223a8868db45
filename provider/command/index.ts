#!/usr/bin/env node
import { commands } from "./commands";
import { exitCode, run } from "./run";

const output = {
  result: (line: string) => void process.stdout.write(`${line}\n`),
  note: (line: string) => void process.stderr.write(`${line}\n`),
};

// Who has read enough, such as "head", goes; the work goes on to its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    if (stream === process.stdout) output.note(`cannot write the result: ${error.message}`);
    process.exit(exitCode.failed);
  });
}

void run(process.argv.slice(2), commands, output).then((code) => {
  process.exitCode = code;
});
