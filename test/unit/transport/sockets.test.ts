import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { openDialer } from "../../../provider/transport/open";
import { daemonRemedy } from "../../../provider/transport/ssh-ways";
import { freePort, makeFolder, startEcho } from "./sshd";

let folder: string;
const servers: Server[] = [];

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function echoed(uri: string, timeout = 5): Promise<string> {
  const dialer = openDialer({ uri, timeout });
  const stream = await dialer.dial();
  stream.write("hello");
  const [chunk] = await once(stream, "data");
  stream.destroy();
  await dialer.close();
  return String(chunk);
}

describe("unix", () => {
  test("a named socket", async () => {
    const echo = await startEcho(join(folder, "echo"));
    expect(await echoed(`qemu:///system?socket=${echo.path}`)).toBe("hello");
    await echo.stop();
  });

  test("the sockets of a user's own daemon, the modular one first", async () => {
    const before = process.env["XDG_RUNTIME_DIR"];
    process.env["XDG_RUNTIME_DIR"] = folder;
    mkdirSync(join(folder, "libvirt"));
    const failure = await echoed("qemu:///session").catch((error) => error);
    expect(failure).toMatchObject({ code: "refused", remedy: expect.stringContaining("virtqemud --daemon") });
    expect(failure.reason).toMatch(/virtqemud-sock: .*libvirt-sock: /);
    const echo = await startEcho(join(folder, "libvirt", "libvirt-sock"));
    expect(await echoed("qemu:///session")).toBe("hello");
    await echo.stop();
    if (before === undefined) delete process.env["XDG_RUNTIME_DIR"];
    else process.env["XDG_RUNTIME_DIR"] = before;
  });

  test("a file that is no socket is refused with its path", async () => {
    writeFileSync(join(folder, "plain"), "");
    await expect(echoed(`qemu:///system?socket=${folder}/plain`)).rejects.toMatchObject({
      code: "refused",
      reason: expect.stringContaining(`${folder}/plain: `),
    });
  });

  test("an aborted or closed dialer dials no more", async () => {
    const stop = new AbortController();
    const dialer = openDialer({ uri: "qemu:///system?socket=/nonexistent", signal: stop.signal });
    expect(dialer.driverUri).toBe("qemu:///system");
    stop.abort(new Error("enough"));
    await expect(dialer.dial()).rejects.toThrow("enough");
  });
});

describe("tcp", () => {
  test("a listening daemon and a closed port", async () => {
    const port = await listen(createServer((socket) => socket.pipe(socket)));
    expect(await echoed(`qemu+tcp://127.0.0.1:${port}/system`)).toBe("hello");
    const closed = await freePort();
    await expect(echoed(`qemu+tcp://127.0.0.1:${closed}/system`)).rejects.toMatchObject({ code: "refused" });
  });
});

describe("tls", () => {
  let port: number;

  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });
  const make = (name: string, subject: string, ca?: string, extension?: string) => {
    const path = (kind: string) => join(folder, `${name}.${kind}`);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path("key")];
    const signer = ca === undefined ? [] : ["-CA", join(folder, `${ca}.pem`), "-CAkey", join(folder, `${ca}.key`)];
    const extra = extension === undefined ? [] : ["-addext", extension];
    openssl("req", "-x509", ...key, ...signer, ...extra, "-subj", subject, "-days", "2", "-out", path("pem"));
    return { key: execFileSync("cat", [path("key")]), cert: execFileSync("cat", [path("pem")]) };
  };
  const pki = (name: string, ca: string, client: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const [file, source] of [
      ["cacert.pem", `${ca}.pem`],
      ["clientcert.pem", `${client}.pem`],
      ["clientkey.pem", `${client}.key`],
    ]) {
      execFileSync("cp", [join(folder, source ?? ""), join(path, file ?? "")]);
    }
    return path;
  };

  beforeAll(async () => {
    const ca = make("ca", "/CN=ca");
    make("foreign-ca", "/CN=foreign");
    const server = make("server", "/CN=server", "ca", "subjectAltName=IP:127.0.0.1");
    make("client", "/CN=client", "ca");
    make("stranger", "/CN=stranger", "foreign-ca");
    const daemon = createTlsServer(
      { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
      (socket) => {
        socket.on("error", () => socket.destroy());
        // As libvirtd does when it has accepted the certificate.
        socket.write(Buffer.from([1]));
        socket.pipe(socket);
      },
    );
    port = await listen(daemon);
    pki("good", "ca", "client");
    pki("unknown-client", "ca", "stranger");
    pki("unknown-server", "foreign-ca", "client");
  });

  const uri = (name: string, at = port) => `qemu+tls://127.0.0.1:${at}/system?pkipath=${join(folder, name)}`;

  test("both certificates are good", async () => {
    expect(await echoed(uri("good"))).toBe("hello");
  });

  test("a client certificate that the daemon does not know is refused", async () => {
    await expect(echoed(uri("unknown-client"))).rejects.toMatchObject({ code: "auth" });
  });

  test("a daemon certificate of another authority is refused", async () => {
    await expect(echoed(uri("unknown-server"))).rejects.toMatchObject({ code: "host-key" });
  });

  test("a daemon certificate for another name is refused", async () => {
    const other = uri("good").replace("127.0.0.1", "localhost");
    await expect(echoed(other)).rejects.toMatchObject({
      code: "host-key",
      reason: expect.stringContaining("localhost"),
    });
  });

  test("a daemon certificate that has run out is told by its dates", async () => {
    const path = (kind: string) => join(folder, `old.${kind}`);
    const server = make("old", "/CN=old", "ca", "subjectAltName=IP:127.0.0.1");
    openssl("x509", "-x509toreq", "-in", path("pem"), "-signkey", path("key"), "-out", path("csr"));
    const signer = ["-CA", join(folder, "ca.pem"), "-CAkey", join(folder, "ca.key")];
    openssl("x509", "-req", "-in", path("csr"), ...signer, "-days", "-1", "-out", path("pem"));
    const at = await listen(createTlsServer({ ...server, cert: readFileSync(path("pem")) }, () => {}));
    await expect(echoed(uri("good", at))).rejects.toMatchObject({
      reason: expect.stringContaining("has expired"),
      remedy: expect.stringContaining("-dates"),
    });
  });

  test("a daemon that says no after the handshake is told", async () => {
    const server = {
      key: execFileSync("cat", [join(folder, "server.key")]),
      cert: execFileSync("cat", [join(folder, "server.pem")]),
    };
    const at = await listen(createTlsServer(server, (socket) => socket.end(Buffer.from([0]))));
    await expect(echoed(uri("good", at))).rejects.toMatchObject({ code: "auth" });
  });

  test("a port without TLS is told apart", async () => {
    const at = await listen(createServer((socket) => socket.end("no TLS here, sorry\n")));
    await expect(echoed(uri("good", at))).rejects.toMatchObject({ code: "protocol" });
  });

  test("missing certificates are named", async () => {
    await expect(echoed(uri("nowhere"))).rejects.toMatchObject({
      code: "invalid",
      reason: expect.stringContaining("nowhere/cacert.pem"),
    });
  });
});

test("a daemon that has ended is to be started, and one that is not there to be installed", () => {
  const helper = "virt-ssh-helper: cannot connect to '/var/run/libvirt/libvirt-sock': Failed to connect socket to";
  const ended = [`${helper} '/var/run/libvirt/libvirt-sock': Connection refused (exit status 1)`];
  expect(daemonRemedy(ended)).toMatch(/does not run: start it.*journalctl/);
  expect(daemonRemedy(["nc: /var/run/libvirt/libvirt-sock: Connection refused"])).toMatch(/does not run/);
  expect(daemonRemedy(["nc: /var/run/libvirt/libvirt-sock: No such file or directory"])).toMatch(
    /^on that host install/,
  );
});
