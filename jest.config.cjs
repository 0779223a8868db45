/** One jest project per suite; `tools/test.mjs` runs them in order and adds up what they report. */
const suite = (name, extra = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: { "\\.ts$": "<rootDir>/tools/register.cjs" },
  testEnvironment: "node",
  ...extra,
});

/** Files of `lab` that hosts with Debian 13's libvirt run as well: where changes and faults meet what it does otherwise. */
const onNewer = [
  "cut-off",
  "left-alone",
  "network-live",
  "virtual-machine-cut-off",
  "virtual-machine-drift",
  "virtual-machine-moved-images",
  "virtual-machine-other-tools",
  "volume-users",
];

module.exports = {
  // Daemons and guests take their time, and a machine that runs several suites at once has little for each test. Jest
  // heeds no such limit of a single project.
  testTimeout: 30_000,
  projects: [
    ...["unit", "golden", "property", "fake", "browser", "wire", "lab"].map((name) => suite(name)),
    suite("lab-newer", {
      testMatch: onNewer.map((name) => `<rootDir>/test/lab/${name}.test.ts`),
      globals: { labRoot: "trixie" },
    }),
    suite("engine"),
  ],
};
