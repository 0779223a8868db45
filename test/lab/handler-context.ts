import { Hosts } from "../../provider/adapters/hosts";
import type { Context, Meta } from "../../provider/core/handler";
import type { Libvirt } from "../../provider/libvirt/api";

/** What a handler gets in the tests: real connections, and every line that it shows is kept. */
export interface TestContext extends Context {
  readonly lines: { readonly progress: string[]; readonly warn: string[]; readonly info: string[] };
  libvirt(uri: string): Promise<Libvirt>;
  close(): Promise<void>;
}

/** Where a resource of the tests stands: the same name always has the same identity. */
export function metaOf(name: string, type = "Test"): Meta {
  const urn = `urn:pulumi:test::lab::pulumi-nodejs:dynamic/kvm:${type}::${name}`;
  return { organization: "organization", project: "lab", stack: "test", urn };
}

export function handlerContext(meta?: Meta): TestContext {
  const hosts = new Hosts();
  const lines = { progress: [] as string[], warn: [] as string[], info: [] as string[] };
  return {
    meta,
    signal: new AbortController().signal,
    lines,
    connect: (host) => hosts.connect(host),
    progress: (message) => lines.progress.push(message),
    warn: (message) => lines.warn.push(message),
    info: (message) => lines.info.push(message),
    libvirt: (uri) => hosts.connect({ uri }),
    close: () => hosts.close(),
  };
}
