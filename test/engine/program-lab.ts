import { type Lab, startLab } from "../lab/lab";
import { Program } from "./program";
import { type Stack, withStack } from "./pulumi";

/** A lab and a program for the tests of one file. */
export interface ProgramLab {
  readonly host: Lab["host"];
  readonly program: Program;
  /** Runs `work` with a stack of the program with that body, which is told the host's `hostUri` and `directory`. */
  withProgram(body: string, work: (stack: Stack) => Promise<void>): Promise<void>;
}

/** Starts a lab ahead of the tests of the file that calls it, with what `prepare` puts on its host, and ends it after them. */
export function programLab(prepare: (host: Lab["host"]) => Promise<void> = async () => undefined): ProgramLab {
  const minutes = 120_000;
  const program = new Program();
  let lab: Lab | undefined;
  const host = () => {
    if (!lab) throw new Error("there is no lab ahead of the tests");
    return lab.host;
  };

  beforeAll(async () => {
    lab = await startLab();
    await prepare(lab.host);
  }, minutes);

  afterAll(async () => {
    program.remove();
    await lab?.stop();
  }, minutes);

  return {
    program,
    get host() {
      return host();
    },
    withProgram(body, work) {
      program.body = body;
      const { uri, directory } = host();
      return withStack({ program: program.folder, config: { hostUri: uri, directory } }, work);
    },
  };
}
