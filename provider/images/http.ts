import { BlockList, isIP } from "node:net";

/** Loaded where there is a proxy. */
type Undici = typeof import("undici");
type Dispatcher = import("undici").Dispatcher;

let agent: Dispatcher | undefined;

/** What the environment names, in small letters or else in capitals; a proxy without a scheme is one of HTTP. */
function proxyFor(scheme: "http" | "https"): string | undefined {
  const name = `${scheme}_proxy`;
  const named = (process.env[name] ?? process.env[name.toUpperCase()] ?? "").trim();
  if (named === "") return undefined;
  return named.includes("://") ? named : `http://${named}`;
}

/** Whether the environment names a proxy; `no_proxy` may still let an address go without. */
export function isProxied(): boolean {
  return proxyFor("http") !== undefined || proxyFor("https") !== undefined;
}

/**
 * Node's `fetch`, which takes no notice of proxies on Node 20; where the environment names one, undici's, which goes by
 * way of it as curl and the Pulumi CLI do.
 */
export function get(url: URL, request: { headers: Record<string, string>; signal: AbortSignal }): Promise<Response> {
  if (!isProxied()) return fetch(url, request);
  const undici = require("undici") as Undici;
  agent ??= proxies(undici);
  return undici.fetch(url, { ...request, dispatcher: agent }) as unknown as Promise<Response>;
}

function proxies(undici: Undici): Dispatcher {
  const [httpProxy, httpsProxy] = [proxyFor("http") ?? "", proxyFor("https") ?? ""];
  const direct = new undici.Agent();
  const networks = networksOf(process.env["no_proxy"] ?? process.env["NO_PROXY"] ?? "");
  const goesDirectly = ({ protocol, hostname }: URL) => {
    // undici would take the proxy of http for what has TLS as well.
    if (protocol === "https:" && httpsProxy === "") return true;
    const address = hostname.replace(/^\[|\]$/g, "");
    const family = isIP(address);
    return family !== 0 && networks.check(address, family === 4 ? "ipv4" : "ipv6");
  };
  // Proxies often let tunnels through to the ports of TLS alone.
  return new undici.EnvHttpProxyAgent({ httpProxy, httpsProxy, proxyTunnel: false }).compose(
    (dispatch) => (options, handler) =>
      goesDirectly(new URL(String(options.origin))) ? direct.dispatch(options, handler) : dispatch(options, handler),
  );
}

/** The addresses and networks that `no_proxy` names, "10.0.0.0/8" for one: undici knows names alone. */
function networksOf(noProxy: string): BlockList {
  const networks = new BlockList();
  for (const entry of noProxy.split(/[,\s]+/)) {
    const [network = "", prefix] = entry.split("/");
    const family = isIP(network);
    const bits = family === 4 ? 32 : 128;
    const length = Number(prefix ?? bits);
    if (family !== 0 && length <= bits) networks.addSubnet(network, length, family === 4 ? "ipv4" : "ipv6");
  }
  return networks;
}
