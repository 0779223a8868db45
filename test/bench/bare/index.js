const pulumi = require("@pulumi/pulumi");

const config = new pulumi.Config();
const uri = config.require("hostUri");
// Guests that run were made by others, and are only changed.
const isRunning = config.getBoolean("running") === true;
const title = config.get("title") ?? "bench";

class Bare extends pulumi.CustomResource {
  constructor(type, name, args) {
    const __provider = `exports.handler = () => require(${JSON.stringify(config.require("provider"))}).${type};`;
    super(`pulumi-nodejs:dynamic/bare:${type}`, name, { ...args, __provider });
  }
}
const host = new Bare("Host", "host", { uri, uuid: undefined });
for (const [index, uuid] of config.require("uuids").split(",").entries()) {
  new Bare("VirtualMachine", `vm${index}`, { uri, uuid, title, isRunning, host: host.uuid });
}
