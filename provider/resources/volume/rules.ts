import type { Fault } from "../../core/check";
import type { Rule } from "../../core/definition";
import { isPlainObject } from "../../core/unknown";
import { overlayRule } from "../overlay";
import { hasDevices, volumePath } from "../pool-reference";
import { type rows, wantedBytes } from "./rows";

type R = typeof rows;

/** What an image file says itself, whatever the volume was made with before it was filled. */
const imagesOwn = ["compat", "clusterSize", "features", "encryption", "nocow"];

function ofImage(name: string): string {
  return name === "encryption"
    ? "nothing encrypts the image of `source` on its way, and an encrypted one is not taken: leave out one of the two, or make the volume empty and fill it from inside a guest"
    : "the image of `source` brings its own";
}

export const rules: readonly Rule<R>[] = [
  overlayRule("volume"),
  {
    needs: ["source", "overlay"],
    check({ source, overlay }): Fault[] {
      const target: unknown = overlay?.["target"];
      if (!source || !isPlainObject(target)) return [];
      return imagesOwn
        .filter((name) => target[name] !== undefined)
        .map((name) => ({ property: `overlay.target.${name}`, reason: ofImage(name) }));
    },
  },
  {
    needs: ["source", "backing"],
    check({ source, backing }): Fault[] {
      if (!source || !backing) return [];
      return [
        { property: "backing", reason: "a volume is filled from `source` or is an overlay of `backing`, not both" },
      ];
    },
  },
  {
    needs: ["source"],
    check({ source }): Fault[] {
      if (!source) return [];
      const given = [source.path, source.url].filter((place) => place !== undefined);
      return given.length === 1 ? [] : [{ property: "source", reason: "give either path or url" }];
    },
  },
  {
    needs: ["size", "source", "backing"],
    check({ size, source, backing }): Fault[] {
      if (size !== undefined || source || backing) return [];
      return [{ property: "size", reason: 'is required for an empty volume; write for example "40 GiB"' }];
    },
  },
  {
    needs: ["size"],
    check({ size }): Fault[] {
      const bytes = wantedBytes({ size });
      if (bytes === undefined || bytes >= 512n) return [];
      return [{ property: "size", reason: "must be at least 512 B, one sector" }];
    },
  },
  {
    needs: ["format", "backing"],
    check({ format, backing }): Fault[] {
      if (!backing || format === "qcow2") return [];
      return [{ property: "format", reason: "an overlay must be qcow2; raw images have no backing file" }];
    },
  },
  {
    needs: ["path", "backing"],
    check({ path, backing }): Fault[] {
      if (!backing || path === undefined || backing.path !== path) return [];
      return [{ property: "backing", reason: "a volume cannot be based on itself" }];
    },
  },
  {
    needs: ["pool", "name", "path"],
    check({ pool, name, path }): Fault[] {
      const given = volumePath(pool, name);
      if (path === undefined || given === undefined || path === given) return [];
      return [{ property: "path", reason: `is given by pool and name (${given}); leave it out` }];
    },
  },
  {
    needs: ["pool", "format"],
    check({ pool, format }): Fault[] {
      if (!hasDevices(pool.type) || format === "raw") return [];
      return [{ property: "format", reason: `volumes of a pool of type "${pool.type}" are raw` }];
    },
  },
];
