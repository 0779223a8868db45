import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type FetchOptions, fetchImage } from "../../../provider/images/fetch";

const sha = (data: Buffer | string) => createHash("sha256").update(data).digest("hex");
const IMAGE = Buffer.alloc(700_000, "raw image ");

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let folder: string;
let server: Server;
let origin: string;
let requests: IncomingMessage[];
/** One answer a request; the last one stays. */
let answers: Answer[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "kvm-fetch-"));
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    const [answer] = answers.length > 1 ? answers.splice(0, 1) : answers;
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const get = (more: Partial<FetchOptions> = {}) =>
  fetchImage({
    url: `${origin}/a/image.img?token=secret`,
    cacheDir: join(folder, "cache"),
    pauseSeconds: 0.01,
    attempts: 3,
    ...more,
  });

/** A server as nginx is: Range, If-Range, ETag. */
const serve =
  (content: Buffer, { etag = '"1"', cutAfter = Number.POSITIVE_INFINITY } = {}): Answer =>
  (request, response) => {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const start = range !== null && request.headers["if-range"] === etag ? Number(range[1]) : 0;
    const part = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      "content-length": part.length,
      ...(start > 0 ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    if (part.length <= cutAfter) response.end(part);
    else response.write(part.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
  };
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end("no");

describe("fetchImage", () => {
  it("takes no web page for an image, unless it is the one that was meant", async () => {
    const page = Buffer.from("\n<!DOCTYPE html><title>Log in</title>");
    answers = [serve(page)];
    await expect(get()).rejects.toMatchObject({ code: "invalid", message: expect.stringMatching(/is a web page/) });
    expect((await get({ sha256: sha(page) })).sha256).toBe(sha(page));
  });

  it("downloads once, checks the hash and answers from the cache later", async () => {
    answers = [serve(IMAGE)];
    const first = await get({ sha256: sha(IMAGE).toUpperCase() });
    expect(first).toEqual({ path: join(folder, "cache", sha(IMAGE)), sha256: sha(IMAGE) });
    expect(readFileSync(first.path).equals(IMAGE)).toBe(true);
    expect(await get({ sha256: sha(IMAGE) })).toEqual(first);
    expect(requests).toHaveLength(1);
    expect(readdirSync(join(folder, "cache"))).toEqual([sha(IMAGE)]);
  });

  it("downloads again when the cached file was damaged", async () => {
    answers = [serve(IMAGE)];
    const { path } = await get({ sha256: sha(IMAGE) });
    writeFileSync(path, "damaged");
    await get({ sha256: sha(IMAGE) });
    expect(requests).toHaveLength(2);
    expect(readFileSync(path).equals(IMAGE)).toBe(true);
  });

  it("warns without a sha256, naming the one found and no secret", async () => {
    answers = [serve(IMAGE)];
    const { warning } = await get();
    expect(warning).toContain(sha(IMAGE));
    expect(warning).not.toContain("secret");
    await get();
    expect(requests).toHaveLength(2);
  });

  it("shares one download among concurrent callers, each with a signal and a status line of their own", async () => {
    answers = [serve(IMAGE)];
    const seen = new Set<number>();
    const all = await Promise.all(
      [1, 2, 3].map((caller) =>
        get({ sha256: sha(IMAGE), signal: new AbortController().signal, onProgress: () => seen.add(caller) }),
      ),
    );
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(requests).toHaveLength(1);
    expect(seen.size).toBe(3);
  });

  it("goes on for the others when one is cancelled, ends with the last, and begins anew for the next", async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    let finish = () => {};
    answers = [
      (_, response) => {
        response.write(IMAGE.subarray(0, 100_000));
        finish = () => response.end(IMAGE.subarray(100_000));
      },
    ];
    const begun = () =>
      new Promise<void>((resolve) => {
        const timer = setInterval(() => requests.length > 0 && resolve(clearInterval(timer)), 1);
      });
    const wanted = { sha256: sha(IMAGE) };
    const cancelled = get({ ...wanted, signal: first.signal });
    const served = get({ ...wanted, signal: second.signal });
    await begun();
    first.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
    const late = get(wanted);
    finish();
    expect(await late).toEqual(await served);
    expect(requests).toHaveLength(1);

    rmSync(join(folder, "cache"), { recursive: true });
    requests = [];
    const alone = new AbortController();
    const dropped = get({ ...wanted, signal: alone.signal });
    await begun();
    alone.abort();
    answers = [serve(IMAGE)];
    const next = get(wanted);
    await expect(dropped).rejects.toMatchObject({ code: "cancelled" });
    expect(await next).toMatchObject({ sha256: sha(IMAGE) });
    expect(readdirSync(join(folder, "cache"))).toEqual([sha(IMAGE)]);
  });

  it("resumes where the connection broke", async () => {
    answers = [serve(IMAGE, { cutAfter: 200_000 }), serve(IMAGE, { cutAfter: 200_000 }), serve(IMAGE)];
    await get({ sha256: sha(IMAGE) });
    const starts = requests.map(({ headers }) => Number(/\d+/.exec(headers.range ?? "0")?.[0]));
    expect(starts[0]).toBe(0);
    expect(starts[1]).toBeGreaterThan(0);
    expect(starts[2]).toBeGreaterThan(starts[1] ?? 0);
  });

  it("starts over when the file changed meanwhile", async () => {
    const newer = Buffer.alloc(500_000, "newer");
    answers = [serve(IMAGE, { cutAfter: 200_000 }), serve(newer, { etag: '"2"' })];
    expect(await get()).toMatchObject({ sha256: sha(newer) });
  });

  it("starts over where the server has no ranges or no validator", async () => {
    const cut: Answer = (_, response) => {
      response.writeHead(200, { "content-length": IMAGE.length });
      response.write(IMAGE.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    };
    const whole: Answer = (_, response) => response.end(IMAGE);
    answers = [cut, whole];
    await get({ sha256: sha(IMAGE) });
    expect(requests[1]?.headers.range).toBeUndefined();
  });

  it("needs no Content-Length", async () => {
    answers = [
      (_, response) => {
        response.write(IMAGE.subarray(0, 300_000));
        response.end(IMAGE.subarray(300_000));
      },
    ];
    const seen: (number | undefined)[] = [];
    await get({ sha256: sha(IMAGE), onProgress: (_, total) => seen.push(total) });
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it("reads once more where an unannounced end gave another hash, then refuses", async () => {
    const silentCut: Answer = (request, _) => {
      request.socket.end(
        Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"), IMAGE.subarray(0, 9)]),
      );
    };
    answers = [silentCut, serve(IMAGE)];
    expect(await get({ sha256: sha(IMAGE) })).toMatchObject({ sha256: sha(IMAGE) });
    answers = [serve(IMAGE)];
    const refused = get({ sha256: sha("other") });
    await expect(refused).rejects.toMatchObject({ code: "invalid" });
    await expect(refused).rejects.toThrow(`has sha256 ${sha(IMAGE)} (700000 bytes), wanted is ${sha("other")}`);
    expect(readdirSync(join(folder, "cache"))).toEqual([sha(IMAGE)]);
  });

  it("retries what may pass, honouring Retry-After", async () => {
    answers = [status(503), status(429, { "retry-after": "0" }), serve(IMAGE)];
    await get({ sha256: sha(IMAGE) });
    expect(requests).toHaveLength(3);
  });

  it("gives up after attempts without progress, and says what the server said", async () => {
    answers = [status(502)];
    const failed = get();
    await expect(failed).rejects.toMatchObject({ code: "unreachable" });
    await expect(failed).rejects.toThrow(
      /127\.0\.0\.1:\d+\/a\/image\.img could not be downloaded, 3 attempts.*502 Bad Gateway/,
    );
    await expect(failed).rejects.not.toThrow("secret");
    expect(requests).toHaveLength(3);
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  it("does not retry what will not pass", async () => {
    answers = [status(404)];
    await expect(get()).rejects.toMatchObject({ code: "not-found" });
    answers = [status(403)];
    await expect(get()).rejects.toMatchObject({ code: "unreachable" });
    expect(requests).toHaveLength(2);
  });

  it("names a refused connection", async () => {
    answers = [];
    await new Promise((resolve) => server.close(resolve));
    await expect(get()).rejects.toThrow("ECONNREFUSED");
  });

  it("gives up on a server that falls silent", async () => {
    answers = [(_, response) => void response.write("x")];
    await expect(get({ stallSeconds: 0.05, attempts: 2 })).rejects.toThrow("sent nothing for 0.05 s");
  });

  it("stops on abort and leaves nothing behind", async () => {
    const controller = new AbortController();
    answers = [(_, response) => void response.write("x", () => setTimeout(() => controller.abort(), 20))];
    await expect(get({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  });

  it("sends the credentials of the address as basic authentication and never shows them", async () => {
    answers = [status(401)];
    const url = `${origin.replace("//", "//me:p%40ss@")}/x`;
    await expect(get({ url })).rejects.toThrow(`${origin}/x: the server answered 401`);
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:p@ss").toString("base64")}`);
  });

  it("decompresses gzip by content, not by name; the hash is that of the download", async () => {
    const packed = gzipSync(IMAGE);
    answers = [serve(packed)];
    const first = await get({ sha256: sha(packed) });
    expect(first.sha256).toBe(sha(packed));
    expect(readFileSync(first.path).equals(IMAGE)).toBe(true);
    expect(await get({ sha256: sha(packed) })).toEqual(first);
    expect(requests).toHaveLength(1);
    expect(readdirSync(join(folder, "cache"))).toHaveLength(2);
  });

  it("refuses damaged gzip, and xz, clearly", async () => {
    answers = [serve(gzipSync(IMAGE).subarray(0, -100))];
    await expect(get()).rejects.toThrow("the compressed image is damaged");
    answers = [serve(Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(100)]))];
    await expect(get()).rejects.toMatchObject({ code: "unsupported", remedy: expect.stringContaining("Decompress") });
  });

  it.each([
    ["ftp://x/y", undefined, "no http or https URL"],
    ["image.qcow2", undefined, "no http or https URL"],
    ["http://127.0.0.1/", "abc", "is no sha256"],
  ])("refuses %s with sha256 %s", async (url, sha256, message) => {
    await expect(get({ url, sha256 })).rejects.toThrow(message);
  });
});
