/** One jest project per suite; `tools/test.mjs` runs them in order and adds up what they report. */
const suite = (name, extra = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: { "\\.ts$": "<rootDir>/tools/register.cjs" },
  testEnvironment: "node",
  ...extra,
});

module.exports = {
  projects: ["unit", "golden", "property", "fake", "browser", "wire", "lab", "engine"].map((name) => suite(name)),
};
