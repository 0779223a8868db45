/** The program that is measured, with our classes or with those of an empty provider. */
exports.declare = ({ Host, VirtualMachine }, config) => {
  const host = new Host("host", { uri: config.require("hostUri") });
  // Running guests have no kernel: the firmware idles, which costs the host next to nothing, and nobody shuts down.
  const running = config.getBoolean("running") === true;
  for (let index = 0; index < config.requireNumber("vms"); index++) {
    new VirtualMachine(`vm${index}`, {
      host,
      virtType: "qemu",
      vcpus: 1,
      memory: running ? "32 MiB" : "64 MiB",
      title: config.get("title") ?? "bench",
      state: running ? "running" : "stopped",
      stopTimeout: "1 s",
      waitForAddress: false,
      autostart: false,
    });
  }
};
