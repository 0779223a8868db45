import type { Libvirt } from "../libvirt/api";
import { activeOnly, xmlFlags } from "../libvirt/constants";
import { parseAnswer } from "../schema/answer";
import type { Element } from "../schema/tree";
import { attempt, ifFound } from "./failure";
import { readMark } from "./ownership";
import { SharedLook } from "./shared-look";

interface Reading {
  readonly xml: string;
  readonly document: Element;
}

/** What was read over a connection, by uuid and kind: of hundreds that are asked for each guest, few have changed. */
const readBefore = new WeakMap<Libvirt, Map<string, Reading[]>>();

/** Another domain of the host: all that it has now and will have at its next start. */
export interface OtherDomain {
  readonly name: string;
  readonly uuid: string;
  readonly isRunning: boolean;
  readonly documents: readonly Element[];
}

/** The resource that made the domain, where one of ours did. */
export function makerOf({ documents: [document] }: OtherDomain): string | undefined {
  return document && readMark(document)?.urn;
}

/** The domains beside the one with that uuid; with `running` only those that run, as they run. */
export async function otherDomains(
  libvirt: Libvirt,
  host: string,
  own: string,
  running = false,
): Promise<readonly OtherDomain[]> {
  const found = await (running ? runningDomains : allDomains).ask(libvirt, host);
  return found.filter(({ uuid }) => uuid !== own);
}

const allDomains = new SharedLook((libvirt, host) => lookAt(libvirt, host, false));
const runningDomains = new SharedLook((libvirt, host) => lookAt(libvirt, host, true));

async function lookAt(libvirt: Libvirt, host: string, running: boolean) {
  const { domains } = await attempt({ step: "list the domains", host }, () =>
    libvirt.call("CONNECT_LIST_ALL_DOMAINS", { needResults: 1, flags: running ? activeOnly.domains : 0 }),
  );
  // Of those that are off a look at the running ones knows nothing.
  if (!running) forgetAllBut(libvirt, new Set(domains.map(({ uuid }) => uuid)));
  return Promise.all(
    domains.map(async (dom) => {
      const wanted = running || dom.id === -1 ? [0] : [0, xmlFlags.inactive];
      const documents = await Promise.all(
        wanted.map((flag) =>
          // One that goes while the host is asked has nothing any more.
          ifFound({ step: `read the definition of the domain ${dom.name}`, host }, () =>
            libvirt.call("DOMAIN_GET_XML_DESC", { dom, flags: flag }),
          ),
        ),
      );
      return {
        name: dom.name,
        uuid: dom.uuid,
        isRunning: dom.id !== -1,
        documents: documents.flatMap((found, index) => (found ? [read(libvirt, dom.uuid, index, found.xml)] : [])),
      };
    }),
  );
}

/** Nobody may write to what it answers. */
function read(libvirt: Libvirt, uuid: string, kind: number, xml: string): Element {
  const known = readBefore.get(libvirt) ?? new Map<string, Reading[]>();
  readBefore.set(libvirt, known);
  const readings = known.get(uuid) ?? [];
  known.set(uuid, readings);
  const before = readings[kind];
  if (before?.xml === xml) return before.document;
  const document = parseAnswer(xml);
  readings[kind] = { xml, document };
  return document;
}

function forgetAllBut(libvirt: Libvirt, uuids: ReadonlySet<string>): void {
  const known = readBefore.get(libvirt);
  for (const uuid of known?.keys() ?? []) if (!uuids.has(uuid)) known?.delete(uuid);
}
