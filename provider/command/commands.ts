import { plan } from "./plan";
import type { Commands } from "./run";

/** Every subcommand: one file each, registered here and nowhere else. */
export const commands: Commands = { plan };
