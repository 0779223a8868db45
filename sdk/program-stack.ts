import { sep } from "node:path";

const here = __dirname + sep;
const isOurs = (site: NodeJS.CallSite) => site.getFileName()?.startsWith(here) === true;
const isNodes = (site: NodeJS.CallSite) => site.getFileName()?.startsWith("node:") === true;

/**
 * Lets Pulumi, which records the stack of every object in the state, see only the frames of the program: the position
 * of an object is then the line that makes it, not one of our classes. Node's own frames below would make up a tenth of
 * the state. For its promises Pulumi records four more stacks a property, which nobody reads: they become empty.
 *
 * @returns what puts everything back.
 */
export function showProgramOnly(): () => void {
  const { stackTraceLimit: limit, prepareStackTrace: prepare } = Error;
  Error.stackTraceLimit = 0;
  // The runtime's own, with source maps. A test with mocks has none, and nobody records anything.
  if (prepare) Error.prepareStackTrace = (error, sites) => prepare(error, ofProgram(sites)) as unknown;
  return () => {
    Error.stackTraceLimit = limit;
    if (prepare) Error.prepareStackTrace = prepare;
  };
}

/** Pulumi skips its own frames and that of one class. */
function ofProgram(sites: NodeJS.CallSite[]): NodeJS.CallSite[] {
  const first = sites.findIndex(isOurs);
  if (first < 0) return sites;
  const below = sites.slice(first).filter((site) => !isOurs(site));
  const end = below.findIndex(isNodes);
  return [...sites.slice(0, first + 1), ...below.slice(0, end < 0 ? undefined : end)];
}

/**
 * Pulumi notes a stack with each of its promises, for the search for leaks that PULUMI_DEBUG_PROMISE_LEAKS switches on.
 * Otherwise nobody reads them, and to find their lines in the source maps takes a program a millisecond an object.
 */
export function leaveOutPromises(): void {
  const { prepareStackTrace: prepare } = Error;
  if (!prepare || process.env["PULUMI_DEBUG_PROMISE_LEAKS"]) return;
  Error.prepareStackTrace = (error, sites) => (isOfPromise(sites) ? "" : (prepare(error, sites) as unknown));
}

function isOfPromise([site]: NodeJS.CallSite[]): boolean {
  return site?.getFunctionName() === "debuggablePromise" && site.getFileName()?.endsWith("debuggable.js") === true;
}
