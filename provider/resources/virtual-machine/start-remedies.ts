import { type Remedies, remedyIn } from "../remedies";
import { secretRemedies } from "../secret-remedy";
import { unwritable } from "../unwritable";
import { imageLocked } from "./refusal";
import { cidTaken } from "./vsock-cid";

/** What a host must be given when its libvirt or QEMU refuses a start with these words; each was seen from a real one. */
const known: Remedies = [
  [
    /Cannot set scheduler parameters/,
    'real-time threads need a budget: under cgroup v1 and a kernel with CONFIG_RT_GROUP_SCHED take "cpu" out of cgroup_controllers in /etc/libvirt/qemu.conf and restart libvirt, in a container give it CAP_SYS_NICE; a daemon of one user (qemu:///session) may give none; or do without (cpuTune: { vcpuSchedulers: [] })',
  ],
  [
    /CPU is incompatible with host CPU|Unknown CPU model/,
    'choose a model that the host has (usable=\'yes\' in `virsh domcapabilities`) or cpu.mode: "host-model", or do without what it lacks (cpu.features: { NAME: "disable" })',
  ],
  [
    /cannot limit locked memory/,
    "libvirt itself may not lock that much: set LimitMEMLOCK=infinity for its service (in a container the memlock limit, or CAP_SYS_RESOURCE); or do without (memoryBacking: { locked: false }, and no memoryLimits.hardLimit)",
  ],
  [
    /memory\.memsw\.limit_in_bytes.*Invalid argument/,
    "with cgroup v1 the limit of memory and swap together goes with one of memory alone: give memoryLimits.hardLimit as well, not above it",
  ],
  [
    /Cannot open log file: '.*': Device or resource busy/,
    "another port, of this guest or another one, has its log in that file: give each port a log of its own",
  ],
  [
    /cannot set up guest memory/,
    "the host has not so much memory free (free -m there): stop what needs it, or give the guest less memory",
  ],
  [/failed to write master key file/, "make room in /var/lib/libvirt on the host (df -h and df -i show it)"],
  [
    /unable to map backing store for guest RAM/,
    'the pages are taken by others by now: give the host more (hugePages of Host), or set hugePages: "none"',
  ],
  [
    /cpuset\.cpus': (Numerical result out of range|Invalid argument|Permission denied)|cannot set CPU affinity/,
    "the guest is pinned to a CPU that the host does not have, or that is switched off: switch it on (lscpu -e shows it, chcpu -e N); or pin to others, where cpu.policy or a profile chose its place, another policy or number of vCPUs has it placed anew",
  ],
  [
    /Unable to find any usable hugetlbfs mount for (\d+) KiB/,
    "the host has no pages of that size: boot it with some (hugepagesz=1G hugepages=N) and restart libvirt, or choose another size",
  ],
  [
    /Unable to find .*firmware/,
    'the host has no such firmware: install it (ovmf on Debian, edk2-ovmf on Fedora), or ask for less (secureBoot, statelessFirmware, firmware: "bios")',
  ],
  [
    /unable to find any master var store for loader/,
    "the host has no such image, or knows no template of its variables: install it (ovmf on Debian, edk2-ovmf on Fedora), name one that virsh domcapabilities shows, or give nvram.template",
  ],
  [/eim=on requires accel=kvm/, 'extended interrupts need virtType: "kvm", or QEMU 9.0 for an emulated guest'],
  [
    imageLocked,
    "another guest or program has that image open: stop it (`virsh list` shows who runs), give this guest an image of its own, or set shareable: true and cache: none in both; where this machine is that one under another name or parent in the program, give the resource the option aliases",
  ],
  [
    /The .* interface already exists/,
    "another guest or the host has an interface of that name: leave target out, or give another (`ip -br link` shows them)",
  ],
  [
    /Failed to reserve port/,
    "that port is in use on the host: leave port out, so that libvirt takes a free one, or give another (`ss -ltn` shows them)",
  ],
  [
    /vlan tag not supported|error adding vlan filter/,
    'the bridge filters no VLANs: use an Open vSwitch (virtualPort: { type: "openvswitch" }), a bridge that the host has on the VLAN, or with libvirt 11.0 and a kernel that has it a bridge with vlan_filtering',
  ],
  [
    /referenced filter '.*' is missing|failed to add new filter rules/,
    "the host has no filter of that name, or none that its rules can be made of: choose one that `virsh nwfilter-list` on the host shows, or define it there first (virsh nwfilter-define)",
  ],
  [
    // From `tc`, for an interface with limits on a bridge that has none to count them among.
    /tc filter add .*Qdisc not classful/s,
    "libvirt limits an interface with trustGuestRxFilters only on a network that has a limit of its own: give it one (overlay of Network: { bandwidth: { inbound: { average: '100000' } } }), or leave out trustGuestRxFilters or bandwidth",
  ],
  [
    /to OVS bridge/,
    "the host needs Open vSwitch, and that bridge in it (ovs-vsctl add-br); leave virtualPort out for a bridge of the kernel",
  ],
  [
    /Cannot set interface MTU on '\(null\)'/,
    "libvirt sets the MTU of a vhost-user interface only where Open vSwitch has its socket: leave mtu out",
  ],
  [
    /Unable to open '.*' for vdpa device/,
    "the host has no such device: load its driver and vhost_vdpa, and make it (vdpa dev add), or leave vdpa out",
  ],
  [
    /Failed to bind socket to .*: Permission denied/,
    "QEMU's user on the host may not write to that folder: give it the right, or choose another folder",
  ],
  [
    /Failed to connect to '.*': (No such file|Connection refused)/,
    "nobody listens on that socket of the host: start its server first",
  ],
  [
    /Is this a SCSI device\?/,
    'the device takes no SCSI commands: a lun needs a SCSI disk of the host; use device: "disk"',
  ],
  [
    /Security driver model '.*' is not available/,
    "the host's libvirt confines its guests otherwise (<secmodel> in `virsh capabilities`): leave the entry of securityLabels out, or turn that model on (security_driver in /etc/libvirt/qemu.conf)",
  ],
  [
    /weight is valid only for/,
    "the scheduler of that disk knows no weights: choose bfq for it (/sys/block/*/queue/scheduler), or leave weight out",
  ],
  [
    /spice .* TLS connection is not available/,
    "the host has no TLS for spice: set spice_tls and its certificates in /etc/libvirt/qemu.conf, or leave defaultMode and tlsPort out",
  ],
  [
    /failed to initialize vcard/,
    'the host has no card or certificate database for it: use smartcard: "spice", or leave it out',
  ],
  [
    /virtio-pmem memory device info is not handled/,
    'this libvirt starts no guest with virtio-pmem: use model: "nvdimm", or upgrade the host',
  ],
  [
    cidTaken,
    'another guest of the host has that CID: give vsock.cid another number. "auto" takes the lowest from 3 on that is free, so keep those that programs choose above these (from 1000, say)',
  ],
  [/vhost-vsock/, "load the host's kernel module (modprobe vhost_vsock), or leave vsock out"],
  [/Could not open TPM device/, 'the host has no TPM to pass on; use tpm: { backend: "emulator" }'],
  [
    /Unknown driver '|module block-block-/,
    "QEMU on the host has no driver for that protocol: install it (qemu-block-extra on Debian, from 13 on qemu-block-supplemental for some)",
  ],
  [/\/dev\/dri/, "the host has no graphics card to draw with; leave openGl and egl-headless out"],
  [
    /host doesn't support passthrough/,
    "the host's IOMMU is off: enable VT-d or AMD-Vi in its firmware and boot it with intel_iommu=on (Intel), or leave the device out",
  ],
  [
    /Network not found|network '.*' is not active/,
    "a plain up does not look at the host: pulumi up --refresh makes or starts the networks of this program (virsh net-start those of others)",
  ],
  [
    /Cannot access (storage|backing) file .*No such file/,
    "the host has no such image: correct the path (it is one of the host, not of this machine) or put the image there; of the volumes of this program pulumi up --refresh makes anew what is gone, without what guests wrote",
  ],
  [
    /Cannot get interface MTU on '|Unable to get index for interface /,
    "the host has no such bridge or interface: make it there, or name one that it has (ip -br link shows them). Where libvirt makes it for a network, pulumi up --refresh starts those of this program anew (virsh net-destroy and net-start those of others)",
  ],
  [
    /is self-referential or too deeply nested/,
    "the image's backing files lead back to itself, or there are too many: qemu-img info --backing-chain shows them, qemu-img rebase -u gives one another",
  ],
  [
    /unable to stat: .*No such file|Path '.*' is not accessible: No such file|failed to find romfile|export directory '.*' does not exist/,
    "the host has no such file: put it there, or correct the path (a path is one of the host, not of this machine)",
  ],
  ...secretRemedies,
  [
    /Parameter 'encrypt\.key-secret' is required|virStorageEncryptionEngine/,
    'an image of the guest, or one that it is based on, is encrypted: name the secret with its passphrase in the disk (encryption: { secret: { uuid } }), that of one below in the overlay of the machine: { devices: { disk: [{ alias: { name: "ua-disk-KEY" }, backingStore: { type: "file", format: { type: "qcow2" }, source: { file, encryption: { format: "luks", secret: { type: "passphrase", uuid } } }, backingStore: {} } }] } }, with the KEY of disks, and its path and format',
  ],
  [
    /cannot unlock any keyslot/,
    "the value of the secret is not the passphrase that the image was encrypted with: give it that one (virsh secret-set-value), or name another secret",
  ],
  [
    /tpm-emulator: TPM result for CMD_INIT/,
    "the TPM cannot read its state (/var/log/swtpm/libvirt/qemu on the host tells why): where tpm.encryptionSecret names a secret, its value is another one than the state was encrypted with; give it that one (virsh secret-set-value)",
  ],
  [
    /is not available in session mode/,
    "a daemon of one user has no cgroups to do that with: leave that argument out, or let the host's own daemon run the guest (qemu:///system)",
  ],
  [
    /failed to communicate with bridge helper/,
    "a guest of one user comes onto a bridge by QEMU's helper: allow the bridge in /etc/qemu/bridge.conf on the host (allow NAME) and make qemu-bridge-helper setuid root; or give the nic `user: {}`, or let the host's own daemon run the guest (qemu:///system)",
  ],
  [/only supported for KVM domains/, 'it takes virtType: "kvm" on a host with /dev/kvm'],
];

/** What to do about what libvirt said; undefined for words that are not known. */
export function remedyFor(message: string): string | undefined {
  return remedyIn(known, message) ?? unwritable(message);
}

/** What a host lacks where libvirt takes no definition that asks for it. */
const lacking: Remedies = [
  [
    /spice graphics are not supported/,
    "the host's QEMU has no spice: install it (qemu-system-modules-spice on Debian 13 or newer, qemu-ui-spice-core on Fedora; RHEL 9 or newer has none), or take graphics.vnc",
  ],
  [
    /TPM version '2\.0' is not supported/,
    "the host has no emulator for a TPM, or a part of it: install swtpm and swtpm-tools, or leave tpm out",
  ],
];

/** What to do about what libvirt said when it did not take a definition. */
export function definitionRemedy(said: string): string {
  return remedyIn(lacking, said) ?? "correct the argument that libvirt names";
}

interface Named {
  readonly host: string;
  readonly name: string;
}

/** What to do about what libvirt said when it could not start that domain. */
export function startRemedy(domain: Named, message: string): string {
  const remedy = remedyFor(message);
  const again = "then run pulumi up again: it starts the guest";
  return remedy === undefined
    ? `remove the cause (the log is ${logOf(domain)} on the host), ${again}`
    : `${remedy}; ${again}`;
}

/** Where QEMU's own words are. */
export function logOf({ host, name }: Named): string {
  const folder = /\/session(\?|$)/.test(host) ? "~/.cache/libvirt/qemu/log" : "/var/log/libvirt/qemu";
  return `${folder}/${name}.log`;
}
