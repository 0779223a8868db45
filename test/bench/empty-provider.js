const pulumi = require("@pulumi/pulumi");

const text = `exports.handler = () => ({
  check: async (olds, news) => ({ inputs: news }),
  diff: async (id, olds, news) => ({ changes: olds.title !== news.title }),
  create: async (inputs) => ({ id: "id", outs: inputs }),
  update: async (id, olds, news) => ({ outs: news }),
  delete: async () => undefined,
});`;

/** An object of a provider that does nothing. */
exports.Empty = class extends pulumi.CustomResource {
  constructor(name, args) {
    super("pulumi-nodejs:dynamic/empty:Empty", name, { ...args, __provider: text });
  }
};
