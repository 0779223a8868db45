import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { Hosts } from "../../../provider/adapters/hosts";
import { errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { TransportError } from "../../../provider/transport/errors";

/** A daemon that is reached and says nothing. */
async function silentHost() {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const hosts = new Hosts();
  const host = { uri: `qemu+tcp://127.0.0.1:${(silent.address() as AddressInfo).port}/system` };
  return { sockets, silent, hosts, host };
}

test("who is cancelled while the host is dialled waits no longer, and others do", async () => {
  const { sockets, silent, hosts, host } = await silentHost();
  const stop = new AbortController();
  try {
    let isWaiting = true;
    const other = hosts.connect(host).catch((error: unknown) => {
      isWaiting = false;
      return error;
    });
    const connecting = hosts.connect(host, stop.signal);
    await once(silent, "connection");
    stop.abort(new Error("the deployment was cancelled"));
    await expect(connecting).rejects.toThrow(/^Unable to connect to the host on .*: the deployment was cancelled$/);
    await expect(hosts.connect(host, stop.signal)).rejects.toMatchObject({ code: "cancelled" });
    expect(isWaiting).toBe(true);
    for (const socket of sockets) socket.destroy();
    expect(await other).toMatchObject({ code: "connection-lost" });
    expect(sockets).toHaveLength(1);
  } finally {
    silent.close();
    await hosts.close();
  }
});

test("a host that did not answer is tried again after as long as it was waited for, not for each resource", async () => {
  const { sockets, silent, hosts, host } = await silentHost();
  const fails = () =>
    expect(hosts.connect(host)).rejects.toThrow(/^Unable to connect to the host on .*is lost[\s\S]*see on the host/);
  const hangUp = async (count: number) => {
    await once(silent, "connection");
    expect(sockets).toHaveLength(count);
    await setTimeout(500);
    for (const socket of sockets) socket.destroy();
  };
  try {
    await Promise.all([fails(), hangUp(1)]);
    await fails();
    expect(sockets).toHaveLength(1);
    await setTimeout(1000);
    await Promise.all([fails(), hangUp(2)]);
  } finally {
    silent.close();
    await hosts.close();
  }
});

test("an ssh connection that is lost within the login says what to do", async () => {
  const details = { step: "keep the ssh connection", host: "root@rack1:22", reason: "read ECONNRESET" };
  const hosts = new Hosts(async () => Promise.reject(new TransportError("unreachable", details)));
  await expect(hosts.connect({ uri: "qemu+ssh://root@rack1/system" })).rejects.toThrow(
    "Unable to keep the ssh connection on root@rack1:22: read ECONNRESET\n  What to do: run pulumi again",
  );
});

test("a daemon that lets nobody in is told with the step, the host and what to do", async () => {
  const said = "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
  const refusal = new LibvirtError(errorCode.authFailed, 7, said, "AUTH_POLKIT");
  const hosts = new Hosts(async () => Promise.reject(refusal));
  const uri = "qemu+ssh://me@rack1/system";
  await expect(hosts.connect({ uri })).rejects.toThrow(
    `Unable to connect to the host on ${uri}: libvirt said: ${said}\n  What to do: log in as a user that may use libvirt there`,
  );
});
