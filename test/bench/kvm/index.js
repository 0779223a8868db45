const pulumi = require("@pulumi/pulumi");
const kvm = require("pulumi-kvm");

const config = new pulumi.Config();
const host = new kvm.Host("host", { uri: config.require("hostUri") });
for (let index = 0; index < config.requireNumber("vms"); index++) {
  new kvm.VirtualMachine(`vm${index}`, {
    host,
    virtType: "qemu",
    vcpus: 1,
    memory: "64 MiB",
    title: config.get("title") ?? "bench",
    state: "stopped",
    autostart: false,
  });
}
