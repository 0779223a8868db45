import { spawn } from "node:child_process";

/** A set-up step failed; the message says what to do. */
export class SetupError extends Error {}

/** Runs one named step and prints what it did and how long it took. `work` answers what it found or made. */
export async function step(name, work) {
  const started = Date.now();
  process.stdout.write(`- ${name} ... `);
  try {
    const result = await work();
    console.log(`${result} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.log("FAILED");
    throw error;
  }
}

/** Runs a command; answers its standard output. A failure shows all that it printed. */
export function run(command, words, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", (error) => reject(new SetupError(`${command} could not be started: ${error.message}`)));
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new SetupError(
            `${command} ${words.join(" ")} ended with ${code}:\n${(errors || output).trim().slice(-4000)}`,
          ),
        );
    });
  });
}

/** True when the command can be run. */
export async function works(command, words, options) {
  try {
    await run(command, words, options);
    return true;
  } catch (error) {
    if (error instanceof SetupError) return false;
    throw error;
  }
}
