import { definitionRemedy, startRemedy } from "../../../../provider/resources/virtual-machine/start-remedies";

const domain = { host: "qemu+ssh://rack1/system", name: "db" };

/** What real daemons and QEMUs said, and what there is to do. */
test.each([
  ["Cannot set scheduler parameters for pid 232: Operation not permitted", /cgroup_controllers.*vcpuSchedulers: \[\]/],
  [
    "the CPU is incompatible with host CPU: Host CPU does not provide required features: svm",
    /usable='yes'.*cpu\.features: \{ NAME: "disable" \}/,
  ],
  ["internal error: Unknown CPU model Skylake-Nope", /choose a model that the host has/],
  ["cannot limit locked memory of process 210 to 1242562560: Operation not permitted", /LimitMEMLOCK=infinity/],
  ["Invalid value '1073741824' for 'memory.memsw.limit_in_bytes': Invalid argument", /memoryLimits.hardLimit/],
  ["Cannot open log file: '/srv/log': Device or resource busy", /a log of its own/],
  ["qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory", /hugePages of Host/],
  ["qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", /less memory/],
  ["unable to find any master var store for loader: /usr/share/OVMF/NO.fd", /no such image.*nvram\.template/],
  ["internal error: failed to write master key file for domain", /\/var\/lib\/libvirt/],
  ["can't connect to virtlogd: Unable to open file: /var/log/libvirt/qemu/web.log: Read-only file system", /writable/],
  [
    "Unable to write to '/sys/fs/cgroup/cpuset/machine/qemu-1-db.libvirt-qemu/vcpu0/cpuset.cpus': Numerical result out of range",
    /chcpu -e N.*placed anew/,
  ],
  ["Unable to find any usable hugetlbfs mount for 1048576 KiB", /hugepagesz=1G/],
  ["Unable to find 'efi' firmware that is compatible with the current configuration", /ovmf on Debian/],
  ["internal error: referenced filter 'no-such' is missing", /nwfilter-list/],
  ["failed to add new filter rules to 'vnet0' - attempting to restore old rules", /nwfilter-list/],
  ["failed to set guest cid: Address already in use", /give vsock.cid another number/],
  ["unable to open vhost-vsock device", /modprobe vhost_vsock/],
  ["Could not open TPM device /dev/tpm0: No such file or directory", /backend: "emulator"/],
  ["unable to execute QEMU command 'blockdev-add': Unknown driver 'rbd'", /qemu-block-extra/],
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
    /correct the path.*put the image there.*pulumi up --refresh/,
  ],
  ["Cannot get interface MTU on 'br9': No such device", /no such bridge[\s\S]*pulumi up --refresh/],
  ["Unable to get index for interface eth9: No such device", /ip -br link/],
  ["backing store for /srv/a.qcow2 is self-referential or too deeply nested", /qemu-img rebase -u/],
  ["unable to stat: /srv/vmlinuz: No such file or directory", /put it there/],
  ['Failed to get "write" lock\nIs another process using the image [/srv/a.raw]?', /stop it.*shareable: true/],
  ["Requested operation is not valid: The mine0 interface already exists", /leave target out/],
  ["internal error: Failed to reserve port 5906", /leave port out/],
  ["interface 52:07:19:e3:74:9b - vlan tag not supported for this connection type", /openvswitch/],
  ["error adding vlan filter to interface vnet0: Operation not supported", /vlan_filtering/],
  [
    "Child process (tc filter add dev virbr0 protocol ip prio 2) unexpected exit status 2: Error: Qdisc not classful.\nWe have an error talking to the kernel",
    /leave out trustGuestRxFilters/,
  ],
  ["Unable to add port vnet0 to OVS bridge br0", /needs Open vSwitch/],
  ["Cannot set interface MTU on '(null)': No such device", /leave mtu out/],
  ["Unable to open '/dev/vhost-vdpa-0' for vdpa device: No such file or directory", /vdpa dev add/],
  ["Failed to bind socket to /run/vhu.sock: Permission denied", /another folder/],
  ["Failed to connect to '/run/none.sock': No such file or directory", /start its server/],
  ["cannot get SG_IO version number: Invalid argument\nIs this a SCSI device?", /use device: "disk"/],
  ["unsupported configuration: Security driver model 'selinux' is not available", /security_driver/],
  ["blkio device weight is valid only for cfq scheduler", /choose bfq/],
  ["spice defaultMode secure requested in XML configuration, but TLS connection is not available", /spice_tls/],
  ["ccid-card-emulated: failed to initialize vcard", /smartcard: "spice"/],
  ["Path '/dev/input/event0' is not accessible: No such file or directory", /put it there/],
  ['failed to find romfile "/usr/lib/ipxe/qemu/x.rom"', /put it there/],
  ["internal error: the virtiofs export directory '/srv/data' does not exist", /put it there/],
  ["Secret not found: secret '1111' does not have a value", /secret-set-value/],
  ["secret with uuid 1111 is of type 'volume' not expected 'vtpm' type", /vtpm for a TPM/],
  ["Parameter 'encrypt.key-secret' is required for cipher", /encryption: \{ secret: \{ uuid \} \}/],
  ["Unexpected enum value 0 for virStorageEncryptionEngine", /ua-disk-KEY" \}, backingStore: \{.*encryption: \{/],
  ["-blockdev {}: Invalid password, cannot unlock any keyslot", /not the passphrase.*secret-set-value/],
  ["tpm-emulator: TPM result for CMD_INIT: 0x101 operation failed", /read its state.*secret-set-value/],
  [
    "unsupported configuration: CPU tuning is not available in session mode",
    /leave that argument out.*qemu:\/\/\/system/,
  ],
  ["qemu-bridge-helper --br=br0: failed to communicate with bridge helper: stderr=", /bridge\.conf.*user: \{\}/],
  ["something else", /the log is \/var\/log\/libvirt\/qemu\/db\.log/],
])("%s", (said, remedy) => {
  expect(startRemedy(domain, `internal error: ${said}`)).toMatch(remedy);
  expect(startRemedy(domain, said)).toMatch(/then run pulumi up again: it starts the guest$/);
});

test("the log of a guest of one user is in that user's folder", () => {
  const remedy = startRemedy({ ...domain, host: "qemu+ssh://me@rack1/session?socket=/run/x" }, "something else");
  expect(remedy).toContain("the log is ~/.cache/libvirt/qemu/log/db.log on the host");
  const named = startRemedy(
    { ...domain, host: "qemu+unix:///system?socket=/run/session/libvirt-sock" },
    "something else",
  );
  expect(named).toContain("the log is /var/log/libvirt/qemu/db.log on the host");
});

test("of a host without spice or swtpm the package is told, and of all else to correct the argument", () => {
  const said = "unsupported configuration: spice graphics are not supported with this QEMU";
  expect(definitionRemedy(said)).toMatch(/qemu-system-modules-spice.*graphics\.vnc/);
  expect(definitionRemedy("unsupported configuration: TPM version '2.0' is not supported")).toMatch(/swtpm-tools/);
  expect(definitionRemedy("XML error: two")).toBe("correct the argument that libvirt names");
});
