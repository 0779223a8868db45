// A deployment of its own, for the test of several at the same time:
//   node -r ./tools/register.cjs test/lab/placing-process.ts SOCKET_URI HOST_UUID WITH_LOCK NAME...
// Defines a guest with a CPU of its own for each name, all at once, and prints what came of each as a line of JSON.
import { messageOf } from "../../provider/core/errors";
import type { Libvirt } from "../../provider/libvirt/api";
import { LibvirtError } from "../../provider/libvirt/errors";
import { virtualMachine } from "../../provider/resources/virtual-machine";
import { handlerContext, metaOf } from "./handler-context";

/** The host has as many CPUs as the test needs; libvirt looks at pins only when a guest starts. */
const cpus = Array.from(
  { length: 8 },
  (_, id) => `<cpu id='${id}' socket_id='0' die_id='0' core_id='${id}' siblings='${id}'/>`,
);
const capabilities = `<capabilities><host><topology><cells num='1'><cell id='0'><memory unit='KiB'>67108864</memory>
  <pages unit='KiB' size='4'>16777216</pages><cpus num='8'>${cpus.join("")}</cpus></cell></cells></topology></host></capabilities>`;

function asWanted(libvirt: Libvirt, withLock: boolean): Libvirt {
  const call = (name: string, ...rest: unknown[]) => {
    if (name === "CONNECT_GET_CAPABILITIES") return Promise.resolve({ capabilities });
    // What a daemon without a driver for secrets answers.
    if (name.startsWith("SECRET_") && !withLock) {
      return Promise.reject(new LibvirtError(3, 30, "this function is not supported by the connection driver", name));
    }
    return (libvirt.call as (...args: unknown[]) => Promise<unknown>).call(libvirt, name, ...rest);
  };
  return new Proxy(libvirt, {
    get(target, property) {
      if (property === "call") return call;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function main([uri = "", uuid = "", lock, ...names]: readonly string[]): Promise<void> {
  const contexts = names.map((name) => {
    const meta = metaOf(name, "VirtualMachine");
    // Those of one stack would wait for each other's CPUs.
    const context = handlerContext({ ...meta, stack: name, urn: meta.urn.replace(":test:", `:${name}:`) });
    const { connect } = context;
    return Object.assign(context, {
      connect: async (host: { uri: string }) => asWanted(await connect(host), lock === "true"),
    });
  });
  await Promise.all(
    contexts.map(async (context, index) => {
      const host = {
        uri,
        uuid,
        owner: "00112233445566778899aabbccddeeff",
        facts: JSON.stringify({ virtTypes: ["qemu"] }),
      };
      const args = {
        host,
        name: names[index],
        virtType: "qemu",
        memory: "64 MiB",
        state: "stopped",
        cpu: { policy: "dedicated" },
      };
      const { inputs, failures } = virtualMachine.check(args, undefined, context.meta);
      try {
        if (failures.length > 0) throw new Error(JSON.stringify(failures));
        const { state } = await virtualMachine.create(inputs, context);
        const { owned } = state["placement"] as { owned: string };
        console.log(JSON.stringify({ name: names[index], owned }));
      } catch (error) {
        console.log(JSON.stringify({ name: names[index], refusal: messageOf(error) }));
      }
    }),
  );
  await Promise.all(contexts.map((context) => context.close()));
}

void main(process.argv.slice(2));
