const pulumi = require("@pulumi/pulumi");

const config = new pulumi.Config();
const uri = config.require("hostUri");
// Those of guests that run already, which are only changed then.
const running = config.get("uuids")?.split(",");
const uuidOf = (index) => running?.[index] ?? `cccccccc-0000-4000-8000-${String(index).padStart(12, "0")}`;
const title = config.get("title") ?? "bench";

class Bare extends pulumi.CustomResource {
  constructor(type, name, args) {
    const __provider = `exports.handler = () => require(${JSON.stringify(config.require("provider"))}).${type};`;
    super(`pulumi-nodejs:dynamic/bare:${type}`, name, { ...args, __provider });
  }
}
const host = new Bare("Host", "host", { uri, uuid: undefined });
for (let index = 0; index < config.requireNumber("vms"); index++) {
  const args = { uri, uuid: uuidOf(index), title, isRunning: running !== undefined, host: host.uuid };
  new Bare("VirtualMachine", `vm${index}`, args);
}
