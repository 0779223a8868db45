import { z } from "../../core/attribute";
import { hostPath, text } from "../../core/quantities";
import type { ElementLens } from "../../schema/lens";
import { child, children, type Element, element, remove } from "../../schema/tree";
import { secretOf, secretSchema } from "./disk-secret";

/** Ports that libvirt fills in when a guest starts; written here, so that configuration and running guest agree. */
const defaultPorts: Readonly<Record<string, number>> = { nbd: 10809, iscsi: 3260, http: 80, https: 443 };

const port = z.int().min(1).max(65535);
const portOf = (protocol: string) => port.default(defaultPorts[protocol] ?? 0);
const hostName = z.string().regex(/^[A-Za-z0-9._:-]+$/, "is not a host name or address");
const auth = z.strictObject({ user: text.min(1, "must not be empty"), secret: secretSchema });
const webFields = {
  host: hostName,
  path: text.regex(/^\//, 'must begin with "/"'),
  query: text.optional(),
  timeout: z.int("must be whole seconds, at least 1").min(1).optional(),
};

export const networkSourceSchema = z.discriminatedUnion("protocol", [
  z.strictObject({
    protocol: z.literal("rbd"),
    image: text.regex(/^[^/]+\/.+$/, 'must be "pool/image"'),
    monitors: z.array(z.strictObject({ host: hostName, port: port.optional() })).optional(),
    auth: auth.optional(),
    config: hostPath.optional(),
    snapshot: text.optional(),
  }),
  z
    .strictObject({
      protocol: z.literal("nbd"),
      host: hostName.optional(),
      port: portOf("nbd"),
      socket: hostPath.optional(),
      export: text.optional(),
      tls: z.boolean().optional(),
    })
    .refine(({ host, socket }) => (host === undefined) !== (socket === undefined), "needs either host or socket"),
  z.strictObject({
    protocol: z.literal("iscsi"),
    host: hostName,
    port: portOf("iscsi"),
    target: z.string().regex(/^(iqn|eui|naa)\.[^/\s]+$/, 'is not an iSCSI name like "iqn.2026-01.org.example:disk"'),
    lun: z.int().min(0).default(0),
    initiator: text.optional(),
    auth: auth.optional(),
  }),
  z.strictObject({
    protocol: z.literal("nfs"),
    host: hostName,
    path: hostPath,
    user: text.default("root"),
    group: text.default("root"),
  }),
  z.strictObject({ protocol: z.literal("http"), ...webFields, port: portOf("http") }),
  z.strictObject({
    protocol: z.literal("https"),
    ...webFields,
    port: portOf("https"),
    verify: z.boolean().default(true),
  }),
]);
export type NetworkSource = z.infer<typeof networkSourceSchema>;
type Auth = z.infer<typeof auth>;

/** Parts of the source that belong to other rows, whatever the protocol. */
const others: readonly string[] = ["encryption", "reservations", "slices"];
/** Parts that this lens writes. Others, such as `<cookies>`, are of whoever made them. */
const own: readonly string[] = ["host", "snapshot", "config", "auth", "initiator", "identity", "ssl", "timeout"];

export const networkSourceLens: ElementLens<NetworkSource> = {
  get(disk) {
    const source = child(disk, "source");
    if (disk.attributes["type"] !== "network" || !source) return undefined;
    return withoutAbsent(readSource(source)) as NetworkSource | undefined;
  },
  set(disk, value) {
    if (value === undefined) return;
    const before = child(disk, "source");
    const present = before && disk.attributes["type"] === "network" ? children(before) : [];
    const isSame = familyOf(before?.attributes["protocol"]) === familyOf(value.protocol);
    const isKept = ({ name }: Element) => others.includes(name) || (isSame && !own.includes(name));
    remove(disk, "source");
    disk.attributes["type"] = "network";
    const source = writeSource(value);
    source.children.push(...present.filter(isKept));
    disk.children.push(source);
  },
};

/** Protocols whose sources have the same parts. */
function familyOf(protocol: string | undefined): string | undefined {
  return protocol === "https" ? "http" : protocol;
}

function hostElement(name: string, number: number | undefined): Element {
  return element("host", { name, port: number === undefined ? undefined : String(number) });
}

function authElement(type: "ceph" | "iscsi", value: Auth | undefined): Element[] {
  return value ? [element("auth", { username: value.user }, element("secret", { type, ...value.secret }))] : [];
}

function writeSource(value: NetworkSource): Element {
  const { protocol } = value;
  const make = (attributes: Readonly<Record<string, string | undefined>>, ...content: readonly Element[]) =>
    element("source", { protocol, ...attributes }, ...content);
  switch (value.protocol) {
    case "rbd":
      return make(
        { name: value.image },
        ...(value.monitors ?? []).map((monitor) => hostElement(monitor.host, monitor.port)),
        ...(value.snapshot === undefined ? [] : [element("snapshot", { name: value.snapshot })]),
        ...(value.config === undefined ? [] : [element("config", { file: value.config })]),
        ...authElement("ceph", value.auth),
      );
    case "nbd": {
      const { socket, host } = value;
      const at =
        socket === undefined ? hostElement(host ?? "", value.port) : element("host", { transport: "unix", socket });
      return make({ name: value.export, tls: value.tls === undefined ? undefined : yesNo(value.tls) }, at);
    }
    case "iscsi":
      return make(
        { name: `${value.target}/${value.lun}` },
        hostElement(value.host, value.port),
        ...(value.initiator === undefined ? [] : [element("initiator", {}, element("iqn", { name: value.initiator }))]),
        ...authElement("iscsi", value.auth),
      );
    case "nfs":
      return make(
        { name: value.path },
        hostElement(value.host, undefined),
        element("identity", { user: value.user, group: value.group }),
      );
    default:
      return make(
        { name: value.path.slice(1), query: value.query },
        hostElement(value.host, value.port),
        ...(value.protocol === "https" && !value.verify ? [element("ssl", { verify: "no" })] : []),
        ...(value.timeout === undefined ? [] : [element("timeout", { seconds: String(value.timeout) })]),
      );
  }
}

function readSource(source: Element): Readonly<Record<string, unknown>> | undefined {
  const { protocol = "", name = "", query, tls } = source.attributes;
  const hosts = children(source, "host").map(({ attributes }) => attributes);
  const host = hosts[0]?.["name"];
  const number = Number(hosts[0]?.["port"] ?? defaultPorts[protocol]);
  const [target = "", lun = "0"] = name.split("/");
  switch (protocol) {
    case "rbd": {
      const monitors = hosts.map((at) => withoutAbsent({ host: at["name"], port: at["port"] && Number(at["port"]) }));
      const [config, snapshot] = [child(source, "config"), child(source, "snapshot")];
      return {
        protocol,
        image: name,
        monitors: monitors.length > 0 ? monitors : undefined,
        auth: readAuth(source),
        config: config?.attributes["file"],
        snapshot: snapshot?.attributes["name"],
      };
    }
    case "nbd": {
      const socket = hosts[0]?.["socket"];
      const common = { protocol, port: number, export: source.attributes["name"], tls: tls && tls === "yes" };
      return { ...common, ...(socket === undefined ? { host } : { socket }) };
    }
    case "iscsi": {
      const initiator = child(source, "initiator/iqn")?.attributes["name"];
      return { protocol, host, port: number, target, lun: Number(lun), initiator, auth: readAuth(source) };
    }
    case "nfs": {
      const { user = "root", group = "root" } = child(source, "identity")?.attributes ?? {};
      return { protocol, host, path: name, user, group };
    }
    case "http":
    case "https": {
      const timeout = child(source, "timeout")?.attributes["seconds"];
      const verify = protocol === "https" ? child(source, "ssl")?.attributes["verify"] !== "no" : undefined;
      return { protocol, host, port: number, path: `/${name}`, query, timeout: timeout && Number(timeout), verify };
    }
    default:
      return undefined;
  }
}

function readAuth(source: Element): Partial<Auth> | undefined {
  const found = child(source, "auth");
  const secret = found && secretOf(child(found, "secret"));
  return found && secret && { user: found.attributes["username"] ?? "", secret };
}

function withoutAbsent<T extends object>(value: T | undefined): Partial<T> | undefined {
  return value && (Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>);
}

function yesNo(value: boolean): "yes" | "no" {
  return value ? "yes" : "no";
}
