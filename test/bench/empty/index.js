const pulumi = require("@pulumi/pulumi");

const config = new pulumi.Config();
const text = `exports.handler = () => ({
  check: async (olds, news) => ({ inputs: news }),
  diff: async (id, olds, news) => ({ changes: olds.title !== news.title }),
  create: async (inputs) => ({ id: "id", outs: inputs }),
  update: async (id, olds, news) => ({ outs: news }),
  delete: async () => undefined,
});`;

class Empty extends pulumi.CustomResource {
  constructor(name, title) {
    super("pulumi-nodejs:dynamic/empty:Empty", name, { title, __provider: text });
  }
}
for (let index = 0; index <= config.requireNumber("vms"); index++) {
  new Empty(`e${index}`, config.get("title") ?? "bench");
}
