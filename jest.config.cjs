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

const onHosts = { setupFilesAfterEnv: ["<rootDir>/test/on-hosts.ts"] };

module.exports = {
  projects: [
    ...["unit", "golden", "property", "fake", "browser"].map((name) => suite(name)),
    ...["wire", "lab"].map((name) => suite(name, onHosts)),
    suite("lab-newer", {
      ...onHosts,
      testMatch: onNewer.map((name) => `<rootDir>/test/lab/${name}.test.ts`),
      globals: { labRoot: "trixie" },
    }),
    suite("engine", onHosts),
  ],
};
