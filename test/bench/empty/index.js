const pulumi = require("@pulumi/pulumi");
const { Empty } = require("../empty-provider");
const { declare } = require("../machines");

class VirtualMachine extends Empty {
  constructor(name, { host, ...args }) {
    super(name, { ...args, host: host.uri });
  }
}
declare({ Host: Empty, VirtualMachine }, new pulumi.Config());
