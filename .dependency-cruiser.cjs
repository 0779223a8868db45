/** Who may import whom. The reasons are in docs/adr and CONTRIBUTING.md; `npm run imports` checks it. */

const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: { path: "^(provider|sdk|test|tools|examples)/", pathNot: allowed },
});

/** Each third-party package has one importing place. */
const oneImporter = (name, importer) => ({
  name: `one-importer-${name}`,
  severity: "error",
  from: { path: "^(provider|sdk)/", pathNot: importer },
  to: { path: `node_modules/${name}/`, dependencyTypesNot: ["type-only"] },
});

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    only(
      "schema-is-pure",
      "^provider/schema/",
      ["^provider/(schema/|core/nearest)"],
      "documents know nothing of resources",
    ),
    only("tuning-is-pure", "^provider/tuning/", ["^provider/tuning/"], "the planner does no input or output"),
    only("units-are-pure", "^provider/core/units", ["^provider/core/units"], "quantities stand alone"),
    only("nearest-is-pure", "^provider/core/nearest", ["^provider/core/nearest"], "layers that stand alone use it"),
    only(
      "core",
      "^provider/core/",
      ["^provider/core/", "^provider/libvirt/api"],
      "core knows the client's interface only",
    ),
    only("transport", "^provider/transport/", ["^provider/(transport/|core/nearest)"], "could be published alone"),
    only("libvirt", "^provider/libvirt/", ["^provider/(libvirt|transport)/"], "could be published alone"),
    only(
      "images-and-seed",
      "^provider/(images|seed)/",
      ["^provider/(images|seed|core)/"],
      "formats know nothing of libvirt",
    ),
    only(
      "resources",
      "^provider/resources/",
      [
        "^provider/(resources|core|tuning|schema|images|seed)/",
        "^provider/libvirt/(api|errors|procedures|constants|handles)",
        "^provider/transport/uri",
      ],
      "resources see the client's interface and what an address is, never how it connects",
    ),
    {
      name: "resources-apart",
      comment: "a resource never imports another one; what they share stands beside their folders",
      severity: "error",
      from: { path: "^provider/resources/([^/]+)/" },
      to: { path: "^provider/resources/([^/]+)/", pathNot: "^provider/resources/$1/" },
    },
    {
      name: "provider-without-pulumi",
      comment: "the handlers must be servable by another kind of provider",
      severity: "error",
      from: { path: "^provider/", pathNot: "^provider/adapters/" },
      to: { path: "node_modules/@pulumi/" },
    },
    {
      name: "sdk-stays-light",
      comment: "a program must not load ssh2, zod or the client",
      severity: "error",
      from: { path: "^sdk/" },
      to: { path: "^provider/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "nobody-imports-adapters",
      severity: "error",
      from: { path: "^(provider|sdk)/", pathNot: "^provider/(adapters/|command/|index)" },
      to: { path: "^provider/adapters/" },
    },
    only(
      "command",
      "^provider/command/",
      [
        "^provider/(command|resources|core|tuning|schema|libvirt|transport)/",
        "^provider/adapters/(client|hosts|meta|wire)",
      ],
      "the command drives the resources' own code and opens hosts as the provider does",
    ),
    {
      name: "nobody-imports-command",
      severity: "error",
      from: { path: "^(provider|sdk)/", pathNot: "^provider/command/" },
      to: { path: "^provider/command/" },
    },
    {
      name: "product-without-tests",
      severity: "error",
      from: { path: "^(provider|sdk)/" },
      to: { path: "^(test|tools|examples)/" },
    },
    { name: "resolvable", severity: "error", from: { path: "^(provider|sdk)/" }, to: { couldNotResolve: true } },
    oneImporter("ssh2", "^provider/transport/ssh\\.ts$"),
    oneImporter("ssh-config", "^provider/transport/ssh-config\\.ts$"),
    oneImporter("fast-xml-parser", "^provider/schema/tree\\.ts$"),
    oneImporter("zod", "^provider/core/zod\\.ts$"),
    oneImporter("undici", "^provider/images/http\\.ts$"),
    oneImporter("yaml", "^provider/seed/"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|coverage)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: "specify",
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["require", "node", "types", "default"] },
  },
};
