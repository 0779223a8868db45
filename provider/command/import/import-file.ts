import { writeMeta } from "../../adapters/meta";
import { sealState, secretSignature, signatureKey } from "../../adapters/wire";
import type { Values } from "../../core/handler";
import { isPlainObject } from "../../core/unknown";
import type { Entry } from "./plan";
import { secretsIn } from "./secrets";

/** A resource with the state that it would have if the program had made it. */
export interface Imported {
  readonly entry: Entry;
  readonly state: Values;
}

/** Which stack the resources will be in. */
export interface Target {
  readonly organization: string;
  readonly project: string;
  readonly stack: string;
}

/** The text of a file for `pulumi import --file`: inputs and outputs in full, so that the engine reads nothing anew. */
export function importFile(imported: readonly Imported[], target: Target): string {
  const resources = imported.map(({ entry: { handler, name, id, inputs }, state }) => {
    const type = `pulumi-nodejs:dynamic/kvm:${handler.type}`;
    const urn = `urn:pulumi:${target.stack}::${target.project}::${type}::${name}`;
    const secretPaths = secretsIn(inputs);
    const hidden = {
      __provider: `exports.handler = () => require("pulumi-kvm/provider").${handler.type};`,
      __meta: writeMeta({ organization: target.organization, urn, secretPaths }),
    };
    const [sealedInputs, outputs] = [inputs, state].map((values) => ({
      ...open(sealState(handler, values, secretPaths)),
      ...hidden,
    }));
    return { type, name, id, inputs: sealedInputs, outputs };
  });
  return `${JSON.stringify({ nameTable: {}, resources }, undefined, 2)}\n`;
}

/** Secrets as the engine reads them from files: the value as JSON text. It encrypts them when it takes them in. */
function open(value: unknown): Values {
  return opened(value) as Values;
}

function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (!isPlainObject(value)) return value;
  if (value[signatureKey] === secretSignature) {
    return { [signatureKey]: secretSignature, plaintext: JSON.stringify(opened(value["value"])) };
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, opened(item)]));
}
