// Runs our TypeScript tools without a build: `node -r ./tools/register.cjs FILE.ts`.
const { readFileSync } = require("node:fs");
const { transformSync } = require("esbuild");

const options = (filename) => ({
  loader: "ts",
  format: "cjs",
  target: "node20",
  sourcefile: filename,
  sourcemap: "inline",
});

require.extensions[".ts"] = (module, filename) => {
  module._compile(transformSync(readFileSync(filename, "utf8"), options(filename)).code, filename);
};

// The same transform for jest.
module.exports = { process: (source, filename) => transformSync(source, options(filename)) };
