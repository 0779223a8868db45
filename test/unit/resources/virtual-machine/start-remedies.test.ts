import { startRemedy } from "../../../../provider/resources/virtual-machine/start-remedies";

/** What real daemons and QEMUs said, and what there is to do. */
test.each([
  ["Cannot set scheduler parameters for pid 232: Operation not permitted", /cgroup_controllers.*vcpuSchedulers: \[\]/],
  ["cannot limit locked memory of process 210 to 1242562560: Operation not permitted", /LimitMEMLOCK=infinity/],
  ["qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory", /hugePages of Host/],
  ["Unable to find any usable hugetlbfs mount for 1048576 KiB", /hugepagesz=1G/],
  ["Unable to find 'efi' firmware that is compatible with the current configuration", /ovmf on Debian/],
  ["unable to open vhost-vsock device", /modprobe vhost_vsock/],
  ["Could not open TPM device /dev/tpm0: No such file or directory", /backend: "emulator"/],
  ["module block-block-rbd not found, do you want to install qemu-block-extra?", /qemu-block-extra/],
  ["cannot open directory '/dev/dri': No such file or directory", /openGl/],
  ["unsupported configuration: host doesn't support passthrough of host PCI devices", /intel_iommu=on/],
  ["cachetune is only supported for KVM domains", /virtType: "kvm"/],
  ["qemu-system-x86_64: -device {...}: eim=on requires accel=kvm,kernel-irqchip=split", /virtType: "kvm"/],
  ["internal error: virtio-pmem memory device info is not handled yet", /model: "nvdimm"/],
  ["Network not found: no network with matching name 'lan-48f6eb4'", /pulumi up --refresh/],
  ["Requested operation is not valid: network 'lan-48f6eb4' is not active", /net-start/],
  [
    "Cannot access backing file '/srv/base.qcow2' of storage file '/srv/leaf.qcow2' (as uid:64055, gid:64055): No such file or directory",
    /put it back/,
  ],
  ["Cannot get interface MTU on 'br9': No such device", /no such bridge/],
  ["Unable to get index for interface eth9: No such device", /ip -br link/],
  ["backing store for /srv/a.qcow2 is self-referential or too deeply nested", /qemu-img rebase -u/],
  ["unable to stat: /srv/vmlinuz: No such file or directory", /put it there/],
  ["something else", /the log is \/var\/log\/libvirt\/qemu\/db\.log/],
])("%s", (said, remedy) => {
  expect(startRemedy("db", `internal error: ${said}`)).toMatch(remedy);
  expect(startRemedy("db", said)).toMatch(/then run pulumi up again: it starts the guest$/);
});
