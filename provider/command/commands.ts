import { importHost } from "./import";
import { plan } from "./plan";
import type { Commands } from "./run";
import { topology } from "./topology";

/** Every subcommand: one file each, registered here and nowhere else. */
export const commands: Commands = { import: importHost, plan, topology };
