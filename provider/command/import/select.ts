import { textAt } from "../../schema/lens";
import { child, children, type Element } from "../../schema/tree";
import { UsageError } from "../command";
import type { Scan } from "./scan";

/** What the domains whose names match need: their networks, and their volumes with the pools and chains of them. */
export function select(scan: Scan, glob: string): Scan {
  const matches = expressionOf(glob);
  const domains = scan.domains.filter(({ name }) => matches.test(name));
  const devices = domains.flatMap(({ document }) => children(child(document, "devices") ?? document));
  const networks = new Set(devices.flatMap((device) => child(device, "source")?.attributes["network"] ?? []));
  const images = withBacking(
    scan,
    devices.filter(({ name }) => name === "disk").flatMap((disk) => imagesOf(disk)),
  );
  const pools = scan.pools.map((pool) => ({
    ...pool,
    volumes: pool.volumes.filter(({ name, path }) => images.has(path) || images.has(`${pool.name}/${name}`)),
  }));
  return {
    domains,
    networks: scan.networks.filter(({ name }) => networks.has(name)),
    pools: pools.filter(({ volumes }) => volumes.length > 0),
  };
}

/** A pattern of names as shells have it: `*`, `?` and `[a-z]`. */
function expressionOf(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|\\]/g, "\\$&");
  try {
    return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".").replaceAll("[!", "[^")}$`);
  } catch {
    throw new UsageError(`"${glob}" is no pattern of names`);
  }
}

/** Path of the image, or `pool/volume` where the disk names those. */
function imagesOf(disk: Element): string[] {
  const { file, dev, pool, volume } = child(disk, "source")?.attributes ?? {};
  return [file ?? dev ?? (pool !== undefined && volume !== undefined ? `${pool}/${volume}` : undefined)].filter(
    (image) => image !== undefined,
  );
}

function withBacking(scan: Scan, images: readonly string[]): ReadonlySet<string> {
  const volumes = scan.pools.flatMap((pool) => pool.volumes.map((volume) => ({ ...volume, pool: pool.name })));
  const found = new Set<string>();
  const open = [...images];
  for (let image = open.pop(); image !== undefined; image = open.pop()) {
    if (found.has(image)) continue;
    found.add(image);
    const volume = volumes.find(({ path, pool, name }) => path === image || `${pool}/${name}` === image);
    const backing = volume?.document && textAt("backingStore/path").get(volume.document);
    if (backing !== undefined) open.push(backing);
  }
  return found;
}
