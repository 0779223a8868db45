import { z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import type { ElementLens } from "../../schema/lens";
import { child, type Element, ensure, remove } from "../../schema/tree";

const port = z.int().min(1).max(65535);

/** What is on the host's end of a character device. */
export const chardevSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("pty") }),
  z.strictObject({ type: z.literal("null") }),
  z.strictObject({ type: z.literal("file"), path: hostPath, append: z.boolean().optional() }),
  z.strictObject({ type: z.literal("dev"), path: hostPath }),
  z.strictObject({ type: z.literal("pipe"), path: hostPath }),
  z.strictObject({
    type: z.literal("unix"),
    path: hostPath.optional(),
    mode: z.enum(["bind", "connect"]).default("bind"),
  }),
  z.strictObject({
    type: z.literal("tcp"),
    host: text.min(1),
    port,
    mode: z.enum(["bind", "connect"]).default("bind"),
    protocol: z.enum(["raw", "telnet", "telnets", "tls"]).default("raw"),
    tls: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("spicevmc") }),
  z.strictObject({ type: z.literal("spiceport"), channel: text.min(1) }),
]);
export type Chardev = z.infer<typeof chardevSchema>;

function read(device: Element): unknown {
  const type = device.attributes["type"];
  const { path, mode, append, host, service, tls, channel } = child(device, "source")?.attributes ?? {};
  const place = path === undefined ? {} : { path };
  switch (type) {
    case "file":
      return { type, ...place, ...(append !== undefined && { append: append === "on" }) };
    case "dev":
    case "pipe":
      return { type, ...place };
    case "unix":
      return { type, ...place, ...(mode !== undefined && { mode }) };
    case "tcp": {
      const protocol = child(device, "protocol")?.attributes["type"];
      const secured = tls === undefined ? {} : { tls: tls === "yes" };
      return { type, host, port: Number(service), mode, ...(protocol && { protocol }), ...secured };
    }
    case "spiceport":
      return { type, channel };
    default:
      // The path of a pty is a new one at each start.
      return { type };
  }
}

/** A socket that libvirt names by itself has no path in the definition, and one in the running guest. */
function isOwnSocket(path: string | undefined): boolean {
  return (
    path?.startsWith("/var/lib/libvirt/qemu/channel/") === true ||
    path?.startsWith("/run/libvirt/qemu/channel/") === true
  );
}

/** The type of a character device and its `<source>`. */
export const chardevLens: ElementLens<Chardev> = {
  get(device) {
    const found = chardevSchema.safeParse(read(device)).data;
    return found?.type === "unix" && isOwnSocket(found.path) ? { type: "unix", mode: found.mode } : found;
  },
  set(device, value) {
    if (value === undefined) return;
    for (const name of ["source", "protocol"]) remove(device, name);
    device.attributes["type"] = value.type;
    const source = sourceOf(value);
    if (Object.keys(source).length > 0) ensure(device, "source").attributes = source;
    if (value.type === "tcp") ensure(device, "protocol").attributes["type"] = value.protocol;
  },
};

function sourceOf(value: Chardev): Record<string, string> {
  switch (value.type) {
    case "file":
      return { path: value.path, ...(value.append !== undefined && { append: value.append ? "on" : "off" }) };
    case "dev":
    case "pipe":
      return { path: value.path };
    case "unix":
      return value.path === undefined ? {} : { mode: value.mode, path: value.path };
    case "tcp": {
      const { host, port: service, mode, tls } = value;
      return { mode, host, service: String(service), ...(tls !== undefined && { tls: tls ? "yes" : "no" }) };
    }
    case "spiceport":
      return { channel: value.channel };
    default:
      return {};
  }
}

const logSchema = z.strictObject({ file: hostPath, append: z.boolean().default(true) });
type Log = z.infer<typeof logSchema>;

/** A file on the host that keeps what the guest writes, whatever the source. */
export const chardevLog: { readonly schema: typeof logSchema; readonly lens: ElementLens<Log> } = {
  schema: logSchema,
  lens: {
    get(device) {
      const { file, append } = child(device, "log")?.attributes ?? {};
      return file === undefined ? undefined : { file, append: append === "on" };
    },
    set(device, value) {
      remove(device, "log");
      if (value) ensure(device, "log").attributes = { file: value.file, append: value.append ? "on" : "off" };
    },
  },
};

/** What the sources are, for the docs of the rows that take one. */
export const chardevDoc =
  "`pty`, `null`, `file`, `dev`, `pipe`, `unix` (socket; the `path` of a channel is libvirt's own when left out), `tcp` (`mode` bind listens), `spicevmc` or `spiceport`";
