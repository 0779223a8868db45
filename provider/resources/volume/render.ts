import { renderVolume } from "../volume-document";
import { type Inputs, wantedBytes } from "./rows";

/** The document of a new volume of `capacity` bytes. Default: `size`. */
export function render(inputs: Inputs, capacity = wantedBytes(inputs) ?? 0n): string {
  return renderVolume({ ...inputs, capacity });
}
