import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../provider/core/handler";
import { unknown } from "../../provider/core/unknown";
import { cloudInitDisk } from "../../provider/resources/cloud-init-disk";
import { network } from "../../provider/resources/network";
import { storagePool } from "../../provider/resources/storage-pool";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { volume } from "../../provider/resources/volume";

const handlers = {
  "cloud-init-disk": cloudInitDisk,
  network,
  "storage-pool": storagePool,
  "virtual-machine": virtualMachine,
  volume,
};

/** The value once for each place in it, which is not known there. */
function* hidden(value: unknown, path = ""): Generator<readonly [path: string, value: unknown]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const within = [[`${path}${key}`, unknown] as const, ...hidden(inner, `${path}${key}.`)];
    for (const [at, other] of within) {
      yield [at, Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }];
    }
  }
}

describe.each(Object.entries(handlers))("a preview of %s", (folder, handler) => {
  const directory = join(__dirname, folder);
  const files = readdirSync(directory).filter((file) => file.endsWith(".json"));
  const urn = `urn:pulumi:dev::golden::pulumi-nodejs:dynamic/kvm:${handler.type}::db`;
  const meta = { organization: "organization", project: "golden", stack: "dev", urn };

  it.each(files)("refuses nothing of %s for what is not known yet", (file) => {
    const args: Values = JSON.parse(readFileSync(join(directory, file), "utf8"));
    const { inputs } = handler.check(args, undefined, meta);
    const refused = [...hidden(args)].flatMap(([path, given]) =>
      handler.check(given as Values, inputs, meta).failures.map((fault) => ({ unknown: path, ...fault })),
    );
    expect(refused).toEqual([]);
  });
});
