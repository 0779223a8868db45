const pulumi = require("@pulumi/pulumi");
const kvm = require("pulumi-kvm");

const config = new pulumi.Config();
const host = new kvm.Host("host", { uri: config.require("hostUri") });
// Running guests have no kernel: the firmware idles, which costs the host next to nothing, and nobody shuts down.
const running = config.getBoolean("running") === true;
for (let index = 0; index < config.requireNumber("vms"); index++) {
  new kvm.VirtualMachine(`vm${index}`, {
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
