import { type Mark, markMetadata } from "../ownership";
import type { Domain } from "./domain";

/** Writes the mark and nothing else. */
export async function setMark(domain: Domain, mark: Mark): Promise<void> {
  const { xml, key, uri } = markMetadata(mark);
  await domain.setMetadataElement(xml, key, uri);
}

/** Takes the mark away; all else of the domain stays. */
export async function clearMark(domain: Domain): Promise<void> {
  const { xml, key, uri } = markMetadata(undefined);
  await domain.setMetadataElement(xml, key, uri);
}
