import type { Context } from "../../../provider/core/handler";
import type { Libvirt } from "../../../provider/libvirt/api";
import { ConnectionLost, errorCode, LibvirtError } from "../../../provider/libvirt/errors";
import { withHostLock } from "../../../provider/resources/host-lock";
import { child, parse, textOf } from "../../../provider/schema/tree";

const context = {
  meta: undefined,
  signal: new AbortController().signal,
  progress: () => undefined,
} as unknown as Context;

/** The secrets of one daemon, as libvirt 9.0 keeps and refuses them. */
class Daemon {
  readonly secrets = new Map<string, string>();
  hasSecrets = true;

  /** A deployment's connection; each process would have a host of its own to wait for. */
  connection(process: string): Libvirt {
    return {
      hostUuid: process,
      call: async (name: string, args: object) => this.answer(name, args),
    } as unknown as Libvirt;
  }

  private answer(name: string, args: { readonly xml?: string; readonly secret?: { readonly uuid: string } }): object {
    if (!this.hasSecrets) throw new LibvirtError(errorCode.noSupport, 30, "no secret driver", name);
    const [holder] = this.secrets;
    switch (name) {
      case "SECRET_DEFINE_XML": {
        const uuid = textOf(child(parse(args.xml ?? ""), "uuid") ?? parse("<x/>"));
        if (holder && holder[0] !== uuid) {
          throw new LibvirtError(
            errorCode.internal,
            30,
            `a secret with UUID ${holder[0]} already defined for use`,
            name,
          );
        }
        this.secrets.set(uuid, args.xml ?? "");
        return {};
      }
      case "SECRET_LOOKUP_BY_USAGE":
        if (!holder) throw new LibvirtError(errorCode.noSecret, 30, "Secret not found", name);
        return { secret: { uuid: holder[0] } };
      case "SECRET_GET_XML_DESC":
        return { xml: holder?.[1] ?? "" };
      default:
        if (!this.secrets.delete(args.secret?.uuid ?? "")) throw new LibvirtError(errorCode.noSecret, 30, "none", name);
        return {};
    }
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 30));

test("processes and tasks of one process hold it one after the other, and give it back when they fail", async () => {
  const daemon = new Daemon();
  let inside = 0;
  const work = (process: string, fails = false) =>
    withHostLock(daemon.connection(process), "host", context, async (lock) => {
      expect(++inside).toBe(1);
      await pause();
      await lock.renew();
      inside--;
      if (fails) throw new Error("failed");
      return process;
    });
  const found = await Promise.allSettled([work("a"), work("a", true), work("b"), work("a"), work("c")]);
  expect(found.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"]);
  expect(daemon.secrets.size).toBe(0);
});

test("who has lost it is told before he writes, and takes nobody else's away", async () => {
  const daemon = new Daemon();
  const other = "<secret><uuid>other</uuid><description>until never</description></secret>";
  const work = withHostLock(daemon.connection("a"), "host", context, async (lock) => {
    daemon.secrets.clear();
    daemon.secrets.set("other", other);
    await lock.renew();
  });
  await expect(work).rejects.toThrow(/keep the lock of placement on host: another deployment took it over/);
  expect([...daemon.secrets.keys()]).toEqual(["other"]);
});

test("a daemon without secrets has no lock", async () => {
  const daemon = new Daemon();
  daemon.hasSecrets = false;
  await expect(withHostLock(daemon.connection("a"), "host", context, (lock) => lock.renew())).resolves.toBeUndefined();
});

test("a deployment that is cancelled waits no longer", async () => {
  const daemon = new Daemon();
  daemon.secrets.set("other", "<secret><description>until 2999-01-01T00:00:00.000Z</description></secret>");
  const cancel = new AbortController();
  const waiting = withHostLock(daemon.connection("a"), "host", { ...context, signal: cancel.signal }, async () => 1);
  setTimeout(() => cancel.abort(new Error("by the user")), 50);
  await expect(waiting).rejects.toThrow(/place a guest: by the user/);
});

test("a connection that is lost while the holder is asked for is told as such, with the step and the host", async () => {
  const lost = new ConnectionLost("the connection to rack1 is lost", true);
  const refused = new LibvirtError(errorCode.internal, 30, "a secret is already defined for use", "SECRET_DEFINE_XML");
  const call = (name: string) => Promise.reject(name === "SECRET_DEFINE_XML" ? refused : lost);
  const libvirt = { hostUuid: "lost", call } as unknown as Libvirt;
  const locked = withHostLock(libvirt, "qemu+ssh://rack1/system", context, async () => undefined);
  await expect(locked).rejects.toMatchObject({
    code: "connection-lost",
    message: expect.stringMatching(/^Unable to lock placement on qemu\+ssh:\/\/rack1\/system: the connection to rack1/),
  });
});
