import { randomBytes } from "node:crypto";
import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { openConnection } from "../../provider/adapters/client";
import type { Connection } from "../../provider/libvirt/connection";
import { type Lab, startLab } from "./lab";

const mebi = 1024 * 1024;
const roundTrip = 20;
let lab: Lab;
let relay: Server;
let connection: Connection;
/** To the same daemon, without the link. */
let direct: Connection;
const sockets = new Set<Socket>();

/** Passes bytes on after half the time of a round trip, in their order. */
function delay(from: Socket, to: Socket): void {
  sockets.add(from);
  from.setNoDelay(true);
  from.on("data", (chunk) => setTimeout(() => to.writable && to.write(chunk), roundTrip / 2));
  from.on("close", () => setTimeout(() => to.end(), roundTrip / 2));
  from.on("error", () => to.destroy());
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

beforeAll(async () => {
  lab = await startLab();
  relay = createServer((near) => {
    const far = connectSocket(lab.host.sshPort, "127.0.0.1");
    delay(near, far);
    delay(far, near);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  const port = typeof address === "object" ? address?.port : undefined;
  direct = await openConnection({ uri: lab.host.uri });
  const uri = lab.host.uri.replace(`:${lab.host.sshPort}/`, `:${port}/`);
  connection = await openConnection({ uri, hostKey: lab.host.hostKey });
}, 60_000);

afterAll(async () => {
  await Promise.all([connection?.close(), direct?.close()]);
  for (const socket of sockets) socket.destroy();
  relay?.close();
  await lab.stop();
}, 60_000);

test("one call takes about one round trip", async () => {
  const times: number[] = [];
  for (let count = 0; count < 10; count++) {
    times.push(await timed(() => connection.call("CONNECT_GET_HOSTNAME", {})));
  }
  const median = times.sort((a, b) => a - b)[5] ?? 0;
  expect(median).toBeGreaterThanOrEqual(roundTrip);
  expect(median).toBeLessThan(2 * roundTrip);
});

test("a hundred calls share their round trips", async () => {
  const calls = (over: Connection) => () =>
    Promise.all(Array.from({ length: 100 }, () => over.call("CONNECT_GET_HOSTNAME", {})));
  // The second time, as all channels are there.
  for (const over of [direct, connection]) await calls(over)();
  const without = await timed(calls(direct));
  // Four channels with four calls each at a time: seven round trips, not a hundred.
  expect((await timed(calls(connection))) - without).toBeLessThan(20 * roundTrip);
});

test("an upload is not held up by the link", async () => {
  const pool = { name: "link", uuid: "aaaaaaaa-0000-4000-8000-000000000002" };
  const xml = `<pool type='dir'><name>link</name><uuid>${pool.uuid}</uuid><target><path>/srv/link</path></target></pool>`;
  await lab.host.exec("mkdir -p /srv/link");
  await connection.call("STORAGE_POOL_CREATE_XML", { xml, flags: 0 });
  const size = 64 * mebi;
  const volume = `<volume><name>v</name><capacity>${size}</capacity><target><format type="raw"/></target></volume>`;
  const { vol } = await connection.call("STORAGE_VOL_CREATE_XML", { pool, xml: volume, flags: 0 });
  const chunk = randomBytes(mebi);
  async function* content(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 64; count++) yield chunk;
  }
  const without = await timed(() => direct.upload(vol, content()));
  const took = await timed(() => connection.upload(vol, content()));
  // ssh's window of 2 MiB a round trip is 32 round trips; waiting for each packet of 256 KiB would be 256.
  expect(took - without).toBeLessThan(128 * roundTrip);
}, 60_000);
