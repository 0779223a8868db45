import type { Context } from "../../core/handler";
import { stateVersion } from "../../core/resource";
import { type Mark, markMetadata } from "../ownership";
import type { Domain } from "./domain";
import type { Inputs } from "./rows";

/** The mark of a domain with these inputs. */
export function markOf(inputs: Inputs, uuid: string, phase: Mark["phase"], context: Context): Mark {
  return { owner: inputs.host.owner ?? "", urn: context.meta?.urn ?? "", uuid, stateVersion, phase };
}

/** Writes the mark and nothing else. */
export async function setMark(domain: Domain, mark: Mark): Promise<void> {
  const { xml, key, uri } = markMetadata(mark);
  await domain.setMetadataElement(xml, key, uri);
}

/** Takes the mark away; all else of the domain stays. */
export async function clearMark(domain: Domain, mark: Mark): Promise<void> {
  const { key, uri } = markMetadata(mark);
  await domain.setMetadataElement(undefined, key, uri);
}
