import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** As in a new process, which reads its environment. */
function fetchAnew(): typeof import("../../../provider/images/fetch") {
  jest.resetModules();
  return require("../../../provider/images/fetch");
}

const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] as const;
const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
const image = Buffer.alloc(100_000, "raw image ");

let folder: string;
let origin: Server;
let proxy: Server;
/** First lines of what the proxy was asked, and who asked. */
let asked: string[];

beforeAll(async () => {
  origin = createServer((_, response) => response.end(image));
  proxy = createServer((wish, response) => {
    asked.push(`${wish.method} ${wish.url} ${wish.headers["proxy-authorization"] ?? "-"}`);
    const { url = "", headers } = wish;
    request(url, { headers }, (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 500))).end();
  });
  proxy.on("connect", ({ url = "" }: IncomingMessage, socket) => {
    asked.push(`CONNECT ${url}`);
    const [host, port] = url.split(":");
    const far = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      far.pipe(socket).pipe(far);
    });
    far.on("error", () => socket.destroy());
    socket.on("error", () => far.destroy());
  });
  for (const server of [origin, proxy]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvm-proxy-"));
  asked = [];
  for (const name of names) delete process.env[name];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(async () => {
  for (const name of names) if (before[name] !== undefined) process.env[name] = before[name];
  for (const server of [origin, proxy]) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const get = (url: string) =>
  fetchAnew().fetchImage({ url, cacheDir: join(folder, "cache"), pauseSeconds: 0.01, attempts: 1 });
const imageUrl = () => `http://127.0.0.1:${portOf(origin)}/image.img`;

test("an image comes by way of the proxy that the environment names, with its credentials", async () => {
  process.env["http_proxy"] = `http://user:secret@127.0.0.1:${portOf(proxy)}`;
  await get(imageUrl());
  expect(asked).toEqual([`GET ${imageUrl()} Basic ${Buffer.from("user:secret").toString("base64")}`]);
});

test("what no_proxy names is asked directly", async () => {
  process.env["HTTP_PROXY"] = "http://127.0.0.1:1";
  process.env["NO_PROXY"] = "example.com,127.0.0.1";
  await get(imageUrl());
  expect(asked).toEqual([]);
});

test("a proxy may be named without its scheme", async () => {
  process.env["http_proxy"] = `127.0.0.1:${portOf(proxy)}`;
  await get(imageUrl());
  expect(asked).toHaveLength(1);
});

test("no_proxy names addresses and networks too", async () => {
  process.env["http_proxy"] = "http://127.0.0.1:1";
  for (const noProxy of ["10.0.0.0/8, 127.0.0.0/8", "::1,127.0.0.1/32"]) {
    process.env["no_proxy"] = noProxy;
    await get(imageUrl());
  }
  process.env["no_proxy"] = "10.0.0.0/8,::1,127.0.0.1/33,127.0.0.0/x";
  await expect(get(imageUrl())).rejects.toThrow(/could not be downloaded/);
});

test("the proxy of http is none of https", async () => {
  process.env["http_proxy"] = `http://127.0.0.1:${portOf(proxy)}`;
  await expect(get(`https://127.0.0.1:${portOf(origin)}/image.img`)).rejects.toThrow(/could not be downloaded/);
  expect(asked).toEqual([]);
});

test("an address with TLS goes through a tunnel, and what fails there tells of the proxy", async () => {
  process.env["https_proxy"] = `http://user:secret@127.0.0.1:${portOf(proxy)}`;
  const failure = await get(`https://127.0.0.1:${portOf(origin)}/image.img`).catch((error: unknown) => error);
  expect(asked).toEqual([`CONNECT 127.0.0.1:${portOf(origin)}`]);
  expect(failure).toMatchObject({ code: "unreachable", remedy: expect.stringContaining("the proxy of the machine") });
  expect(String((failure as Error).message)).not.toContain("secret");
});
