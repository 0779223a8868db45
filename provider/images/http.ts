/** Loaded where there is a proxy. */
type Undici = typeof import("undici");
type ProxyAgent = import("undici").EnvHttpProxyAgent;

const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"] as const;
let agent: ProxyAgent | undefined;

/** Whether the environment names a proxy; `no_proxy` may still let an address go without. */
export function isProxied(): boolean {
  return names.some((name) => (process.env[name] ?? "") !== "");
}

/**
 * Node's `fetch`, which takes no notice of proxies on Node 20; where the environment names one, undici's, which goes by
 * way of it as curl and the Pulumi CLI do.
 */
export function get(url: URL, request: { headers: Record<string, string>; signal: AbortSignal }): Promise<Response> {
  if (!isProxied()) return fetch(url, request);
  const undici = require("undici") as Undici;
  // Proxies often let tunnels through to the ports of TLS alone.
  agent ??= new undici.EnvHttpProxyAgent({ proxyTunnel: false });
  return undici.fetch(url, { ...request, dispatcher: agent }) as unknown as Promise<Response>;
}
