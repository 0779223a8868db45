const pulumi = require("@pulumi/pulumi");
const { Empty } = require("../empty-provider");

const config = new pulumi.Config();
for (let index = 0; index <= config.requireNumber("vms"); index++) {
  new Empty(`e${index}`, { title: config.get("title") ?? "bench" });
}
