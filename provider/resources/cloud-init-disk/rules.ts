import type { Rule } from "../../core/definition";
import { hostnameFault } from "../../seed/cloud-init";
import { overlayRule } from "../overlay";
import { volumePath } from "../pool-reference";
import { mediumDigest } from "./content";
import type { rows } from "./rows";

export const rules: readonly Rule<typeof rows>[] = [
  overlayRule("volume"),
  {
    needs: ["hostname"],
    check({ hostname }) {
      const reason = hostname === undefined ? undefined : hostnameFault(hostname);
      return reason === undefined ? [] : [{ property: "hostname", reason }];
    },
  },
  {
    needs: ["userData", "metaData", "networkConfig", "vendorData", "hostname", "overlay", "instanceId", "name"],
    check(inputs) {
      const { name, instanceId } = inputs;
      const missing = name === undefined || instanceId === undefined;
      if (missing || name.endsWith(`-${mediumDigest(inputs, instanceId)}.iso`)) return [];
      return [{ property: "name", reason: "is derived from the content; leave it out" }];
    },
  },
  {
    needs: ["pool", "name", "path"],
    check({ pool, name, path }) {
      const given = volumePath(pool, name);
      if (path === undefined || given === undefined || path === given) return [];
      return [{ property: "path", reason: "is given by pool and name; leave it out" }];
    },
  },
];
