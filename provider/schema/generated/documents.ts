// Written by `npm run generate:schema` from libvirt's schemas. Names are libvirt's; everything may be left out.

type Text = string | number | bigint;
type Many<T> = T | readonly T[] | null;
export interface Domain {
  readonly type?: "qemu" | "kqemu" | "kvm" | "xen" | "lxc" | "uml" | "openvz" | "test" | "vmware" | "hyperv" | "vbox" | "phyp" | "vz" | "bhyve" | "hvf" | null;
  readonly id?: Text | null;
  readonly name?: Text | null;
  readonly uuid?: Text | null;
  readonly genid?: Text | null;
  readonly title?: Text | null;
  readonly description?: Text | null;
  readonly metadata?: string | null;
  readonly cpu?: DomainCpu | null;
  readonly sysinfo?: Many<DomainSysinfo>;
  readonly bootloader?: Text | null;
  readonly bootloader_args?: Text | null;
  readonly os?: DomainOs | null;
  readonly clock?: DomainClock | null;
  /** Not known to libvirt 9.0.0. */
  readonly throttlegroups?: DomainThrottlegroups | null;
  readonly memory?: DomainMemory | Text | null;
  readonly maxMemory?: DomainMaxMemory | Text | null;
  readonly currentMemory?: DomainCurrentMemory | Text | null;
  readonly memoryBacking?: DomainMemoryBacking | null;
  readonly vcpu?: DomainVcpu | Text | null;
  readonly vcpus?: DomainVcpus | null;
  readonly iothreads?: Text | null;
  readonly iothreadids?: DomainIothreadids | null;
  readonly defaultiothread?: DomainDefaultiothread | null;
  readonly blkiotune?: DomainBlkiotune | null;
  readonly memtune?: DomainMemtune | null;
  readonly cputune?: DomainCputune | null;
  readonly numatune?: DomainNumatune | null;
  readonly resource?: DomainResource | null;
  readonly features?: DomainFeatures | null;
  readonly on_reboot?: "destroy" | "restart" | "preserve" | "rename-restart" | null;
  readonly on_poweroff?: "destroy" | "restart" | "preserve" | "rename-restart" | null;
  readonly on_crash?: "destroy" | "restart" | "preserve" | "rename-restart" | "coredump-destroy" | "coredump-restart" | null;
  readonly on_lockfailure?: "poweroff" | "restart" | "pause" | "ignore" | null;
  readonly pm?: DomainPm | null;
  readonly perf?: DomainPerf | null;
  readonly idmap?: DomainIdmap | null;
  readonly devices?: DomainDevices | null;
  readonly seclabel?: Many<DomainSeclabel>;
  readonly "qemu:commandline"?: DomainQemuCommandline | null;
  readonly "qemu:capabilities"?: DomainQemuCapabilities | null;
  readonly "qemu:deprecation"?: DomainQemuDeprecation | null;
  readonly "qemu:override"?: DomainQemuOverride | null;
  readonly "lxc:namespace"?: DomainLxcNamespace | null;
  readonly keywrap?: DomainKeywrap | null;
  readonly launchSecurity?: DomainLaunchSecurity | null;
  readonly "bhyve:commandline"?: DomainBhyveCommandline | null;
  readonly "xen:commandline"?: DomainXenCommandline | null;
  readonly "vmware:datacenterpath"?: Text | null;
  /** Needs libvirt 11.7.0. */
  readonly hwuuid?: Text | null;
  /** Needs libvirt 12.2.0. */
  readonly iommufd?: DomainIommufd | null;
}
export interface Network {
  readonly connections?: Text | null;
  readonly ipv6?: "yes" | "no" | boolean | null;
  readonly trustGuestRxFilters?: "yes" | "no" | boolean | null;
  readonly name?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly title?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly description?: Text | null;
  readonly metadata?: string | null;
  readonly uuid?: Text | null;
  readonly bridge?: NetworkBridge | null;
  readonly mtu?: NetworkMtu | null;
  readonly mac?: NetworkMac | null;
  readonly forward?: NetworkForward | null;
  readonly virtualport?: NetworkVirtualport | null;
  readonly portgroup?: Many<NetworkPortgroup>;
  readonly domain?: NetworkDomain | null;
  readonly dns?: NetworkDns | null;
  readonly bandwidth?: NetworkBandwidth | null;
  readonly vlan?: NetworkVlan | null;
  readonly port?: NetworkPort | null;
  readonly ip?: Many<NetworkIp>;
  readonly route?: Many<NetworkRoute>;
  readonly "dnsmasq:options"?: NetworkDnsmasqOptions | null;
}
export interface Pool {
  readonly type?: "dir" | "fs" | "netfs" | "logical" | "disk" | "iscsi" | "iscsi-direct" | "scsi" | "mpath" | "rbd" | "sheepdog" | "gluster" | "zfs" | "vstorage" | null;
  readonly name?: Text | null;
  readonly uuid?: Text | null;
  readonly capacity?: DomainCurrentMemory | Text | null;
  readonly allocation?: DomainCurrentMemory | Text | null;
  readonly available?: DomainCurrentMemory | Text | null;
  readonly features?: PoolFeatures | null;
  readonly source?: PoolSource | null;
  readonly target?: PoolTarget | null;
  readonly "fs:mount_opts"?: PoolFsMountOpts | null;
  readonly refresh?: PoolRefresh | null;
  readonly "rbd:config_opts"?: PoolRbdConfigOpts | null;
}
export interface Volume {
  readonly type?: "file" | "block" | "dir" | "network" | "netdir" | null;
  readonly name?: Text | null;
  readonly key?: Text | null;
  readonly source?: VolumeSource | null;
  readonly capacity?: DomainCurrentMemory | Text | null;
  readonly allocation?: DomainCurrentMemory | Text | null;
  readonly physical?: DomainCurrentMemory | Text | null;
  readonly target?: VolumeTarget | null;
  readonly backingStore?: VolumeBackingStore | null;
}
export interface DomainCpu {
  readonly mode?: "custom" | "host-model" | "host-passthrough" | "maximum" | null;
  readonly match?: "minimum" | "exact" | "strict" | null;
  readonly check?: "none" | "partial" | "full" | null;
  /** Not known to libvirt 9.0.0. */
  readonly deprecated_features?: "on" | "off" | boolean | null;
  readonly migratable?: "on" | "off" | boolean | null;
  readonly model?: DomainModel | Text | null;
  readonly vendor?: Text | null;
  readonly topology?: DomainTopology | null;
  readonly feature?: Many<DomainFeature>;
  readonly numa?: DomainNuma | null;
  readonly cache?: DomainCache | null;
  readonly maxphysaddr?: DomainMaxphysaddr | null;
}
export interface DomainSysinfo {
  readonly type?: "smbios" | "fwcfg" | null;
  readonly bios?: DomainBios | null;
  readonly system?: DomainSystem | null;
  readonly baseBoard?: Many<DomainBaseBoard>;
  readonly chassis?: DomainChassis | null;
  readonly oemStrings?: DomainOemStrings | null;
  readonly entry?: Many<DomainEntry | Text>;
}
export interface DomainOs {
  readonly firmware?: "bios" | "efi" | null;
  readonly type?: DomainType | "xen" | "linux" | "xenpvh" | "hvm" | "exe" | null;
  readonly kernel?: Text | null;
  readonly initrd?: Text | null;
  readonly root?: Text | null;
  readonly cmdline?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly shim?: Text | null;
  readonly dtb?: Text | null;
  readonly $firmware?: DomainFirmware | null;
  readonly loader?: DomainLoader | Text | null;
  readonly nvram?: DomainNvram | Text | null;
  readonly boot?: Many<DomainBoot>;
  readonly bootmenu?: DomainBootmenu | null;
  readonly smbios?: DomainSmbios | null;
  readonly bios?: DomainOsBios | null;
  readonly acpi?: DomainAcpi | null;
  readonly init?: Text | null;
  readonly initarg?: Many<Text>;
  readonly initenv?: Many<DomainInitenv | Text>;
  readonly initdir?: Text | null;
  readonly inituser?: Text | null;
  readonly initgroup?: Text | null;
  /** Needs libvirt 12.1.0. */
  readonly varstore?: DomainVarstore | null;
}
export interface DomainClock {
  readonly offset?: "localtime" | "utc" | "timezone" | "variable" | "absolute" | null;
  readonly adjustment?: Text | null;
  readonly timezone?: Text | null;
  readonly basis?: "utc" | "localtime" | null;
  readonly start?: Text | null;
  readonly timer?: Many<DomainTimer>;
}
export interface DomainThrottlegroups {
  readonly throttlegroup?: Many<DomainThrottlegroup>;
}
export interface DomainMemory {
  readonly unit?: Text | null;
  readonly dumpCore?: "on" | "off" | boolean | null;
  readonly value?: Text | null;
}
export interface DomainMaxMemory {
  readonly unit?: Text | null;
  readonly slots?: Text | null;
  readonly value?: Text | null;
}
export interface DomainCurrentMemory {
  readonly unit?: Text | null;
  readonly value?: Text | null;
}
export interface DomainMemoryBacking {
  readonly hugepages?: DomainHugepages | null;
  readonly nosharepages?: boolean | Readonly<Record<string, never>> | null;
  readonly locked?: boolean | Readonly<Record<string, never>> | null;
  readonly source?: DomainSource | null;
  readonly access?: DomainAccess | null;
  readonly allocation?: DomainAllocation | null;
  readonly discard?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainVcpu {
  readonly placement?: "static" | "auto" | null;
  readonly cpuset?: Text | null;
  readonly current?: Text | null;
  readonly value?: Text | null;
}
export interface DomainVcpus {
  readonly vcpu?: Many<DomainVcpusVcpu>;
}
export interface DomainIothreadids {
  readonly iothread?: Many<DomainIothread>;
}
export interface DomainDefaultiothread {
  readonly thread_pool_min?: Text | null;
  readonly thread_pool_max?: Text | null;
}
export interface DomainBlkiotune {
  readonly weight?: Text | null;
  readonly device?: Many<DomainDevice>;
}
export interface DomainMemtune {
  readonly hard_limit?: DomainCurrentMemory | Text | null;
  readonly soft_limit?: DomainCurrentMemory | Text | null;
  readonly min_guarantee?: DomainCurrentMemory | Text | null;
  readonly swap_hard_limit?: DomainCurrentMemory | Text | null;
}
export interface DomainCputune {
  readonly shares?: Text | null;
  readonly global_period?: Text | null;
  readonly global_quota?: Text | null;
  readonly period?: Text | null;
  readonly quota?: Text | null;
  readonly emulator_period?: Text | null;
  readonly emulator_quota?: Text | null;
  readonly iothread_period?: Text | null;
  readonly iothread_quota?: Text | null;
  readonly vcpupin?: Many<DomainVcpupin>;
  readonly emulatorpin?: DomainEmulatorpin | null;
  readonly iothreadpin?: Many<DomainIothreadpin>;
  readonly vcpusched?: Many<DomainVcpusched>;
  readonly iothreadsched?: Many<DomainIothreadsched>;
  readonly emulatorsched?: DomainEmulatorsched | null;
  readonly cachetune?: Many<DomainCachetune>;
  readonly memorytune?: Many<DomainMemorytune>;
  /** Needs libvirt 12.4.0. */
  readonly energytune?: Many<DomainEnergytune>;
}
export interface DomainNumatune {
  readonly memory?: DomainNumatuneMemory | null;
  readonly memnode?: Many<DomainMemnode>;
}
export interface DomainResource {
  readonly partition?: Text | null;
  readonly fibrechannel?: DomainFibrechannel | null;
}
export interface DomainFeatures {
  readonly pae?: boolean | Readonly<Record<string, never>> | null;
  readonly apic?: DomainApic | null;
  readonly acpi?: boolean | Readonly<Record<string, never>> | null;
  readonly hap?: DomainHap | null;
  readonly hyperv?: DomainHyperv | null;
  readonly viridian?: boolean | Readonly<Record<string, never>> | null;
  readonly kvm?: DomainKvm | null;
  readonly xen?: DomainXen | null;
  readonly privnet?: boolean | Readonly<Record<string, never>> | null;
  readonly pvspinlock?: DomainHap | null;
  readonly capabilities?: DomainCapabilities | null;
  readonly pmu?: DomainHap | null;
  readonly vmport?: DomainHap | null;
  readonly gic?: DomainGic | null;
  readonly smm?: DomainSmm | null;
  readonly ioapic?: DomainIoapic | null;
  readonly hpt?: DomainHpt | null;
  readonly vmcoreinfo?: DomainHap | null;
  readonly htm?: DomainHtm | null;
  readonly "nested-hv"?: DomainHtm | null;
  readonly msrs?: DomainMsrs | null;
  readonly "ccf-assist"?: DomainHtm | null;
  readonly cfpc?: DomainCfpc | null;
  readonly sbbc?: DomainCfpc | null;
  readonly ibs?: DomainIbs | null;
  readonly tcg?: DomainTcg | null;
  /** Not known to libvirt 9.0.0. */
  readonly "async-teardown"?: DomainAsyncTeardown | null;
  /** Not known to libvirt 9.0.0. */
  readonly ras?: DomainHtm | null;
  /** Not known to libvirt 9.0.0. */
  readonly ps2?: DomainHtm | null;
  /** Not known to libvirt 9.0.0. */
  readonly aia?: DomainAia | null;
  /** Needs libvirt 12.0.0. */
  readonly virtualization?: DomainHap | null;
}
export interface DomainPm {
  readonly "suspend-to-mem"?: DomainAsyncTeardown | null;
  readonly "suspend-to-disk"?: DomainAsyncTeardown | null;
}
export interface DomainPerf {
  readonly event?: Many<DomainEvent>;
}
export interface DomainIdmap {
  readonly uid?: Many<DomainUid>;
  readonly gid?: Many<DomainUid>;
}
export interface DomainDevices {
  readonly emulator?: Text | null;
  readonly disk?: Many<DomainDisk>;
  readonly controller?: Many<DomainController>;
  readonly lease?: Many<DomainLease>;
  readonly filesystem?: Many<DomainFilesystem>;
  readonly interface?: Many<DomainInterface>;
  readonly input?: Many<DomainInput>;
  readonly sound?: Many<DomainSound>;
  readonly audio?: Many<DomainAudio>;
  readonly hostdev?: Many<DomainHostdev>;
  readonly graphics?: Many<DomainGraphics>;
  readonly video?: Many<DomainVideo>;
  readonly console?: Many<DomainConsole>;
  readonly parallel?: Many<DomainParallel>;
  readonly serial?: Many<DomainParallel>;
  readonly channel?: Many<DomainChannel>;
  readonly smartcard?: Many<DomainSmartcard>;
  readonly hub?: Many<DomainHub>;
  readonly redirdev?: Many<DomainRedirdev>;
  readonly redirfilter?: Many<DomainRedirfilter>;
  readonly rng?: Many<DomainRng>;
  readonly tpm?: Many<DomainTpm>;
  readonly shmem?: Many<DomainShmem>;
  readonly memory?: Many<DomainDevicesMemory>;
  /** Not known to libvirt 9.0.0. */
  readonly crypto?: Many<DomainCrypto>;
  readonly watchdog?: Many<DomainWatchdog>;
  readonly memballoon?: DomainMemballoon | null;
  readonly nvram?: DomainDevicesNvram | null;
  readonly panic?: Many<DomainPanic>;
  readonly iommu?: Many<DomainIommu>;
  readonly vsock?: DomainVsock | null;
  /** Not known to libvirt 9.0.0. */
  readonly pstore?: DomainPstore | null;
}
export interface DomainSeclabel {
  readonly model?: Text | null;
  readonly type?: "dynamic" | "static" | "none" | null;
  readonly relabel?: "yes" | "no" | boolean | null;
  readonly label?: Text | null;
  readonly imagelabel?: Text | null;
  readonly baselabel?: Text | null;
}
export interface DomainQemuCommandline {
  readonly arg?: Many<DomainArg>;
  readonly env?: Many<DomainEnv>;
}
export interface DomainQemuCapabilities {
  readonly add?: Many<DomainAdd>;
  readonly del?: Many<DomainAdd>;
}
export interface DomainQemuDeprecation {
  readonly behavior?: "none" | "omit" | "reject" | "crash" | null;
}
export interface DomainQemuOverride {
  readonly device?: Many<DomainQemuOverrideDevice>;
}
export interface DomainLxcNamespace {
  readonly sharenet?: DomainSharenet | null;
  readonly shareipc?: DomainShareipc | null;
  readonly shareuts?: DomainShareipc | null;
}
export interface DomainKeywrap {
  readonly cipher?: Many<DomainCipher>;
}
export interface DomainLaunchSecurity {
  readonly type?: "sev" | "sev-snp" | "s390-pv" | "tdx" | null;
  readonly kernelHashes?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly authorKey?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly vcek?: "yes" | "no" | boolean | null;
  readonly cbitpos?: Text | null;
  readonly reducedPhysBits?: Text | null;
  readonly policy?: Text | null;
  readonly handle?: Text | null;
  readonly dhCert?: Text | null;
  readonly session?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly guestVisibleWorkarounds?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly idBlock?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly idAuth?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly hostData?: Text | null;
  /** Needs libvirt 11.6.0. */
  readonly mrConfigId?: Text | null;
  /** Needs libvirt 11.6.0. */
  readonly mrOwner?: Text | null;
  /** Needs libvirt 11.6.0. */
  readonly mrOwnerConfig?: Text | null;
  /** Needs libvirt 11.6.0. */
  readonly quoteGenerationService?: DomainQuoteGenerationService | null;
}
export interface DomainBhyveCommandline {
  readonly arg?: Many<DomainBhyveCommandlineArg>;
}
export interface DomainXenCommandline {
  readonly arg?: Many<DomainXenCommandlineArg>;
}
export interface DomainIommufd {
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly fdgroup?: Text | null;
}
export interface NetworkBridge {
  readonly name?: Text | null;
  readonly zone?: Text | null;
  readonly stp?: "on" | "off" | boolean | null;
  readonly delay?: Text | null;
  readonly macTableManager?: "kernel" | "libvirt" | null;
}
export interface NetworkMtu {
  readonly size?: Text | null;
}
export interface NetworkMac {
  readonly address?: Text | null;
}
export interface NetworkForward {
  readonly dev?: Text | null;
  readonly mode?: "nat" | "route" | "open" | "bridge" | "passthrough" | "private" | "vepa" | "hostdev" | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly interface?: Many<NetworkInterface>;
  readonly address?: Many<NetworkAddress>;
  readonly pf?: NetworkPf | null;
  readonly driver?: NetworkDriver | null;
  readonly nat?: NetworkNat | null;
}
export interface NetworkVirtualport {
  readonly type?: "802.1Qbg" | "802.1Qbh" | "openvswitch" | "midonet" | null;
  readonly parameters?: NetworkParameters | null;
}
export interface NetworkPortgroup {
  readonly name?: Text | null;
  readonly default?: "yes" | "no" | boolean | null;
  readonly trustGuestRxFilters?: "yes" | "no" | boolean | null;
  readonly virtualport?: NetworkVirtualport | null;
  readonly bandwidth?: NetworkBandwidth | null;
  readonly vlan?: NetworkVlan | null;
}
export interface NetworkDomain {
  readonly name?: Text | null;
  readonly localOnly?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly register?: "yes" | "no" | boolean | null;
}
export interface NetworkDns {
  readonly enable?: "yes" | "no" | boolean | null;
  readonly forwardPlainNames?: "yes" | "no" | boolean | null;
  readonly forwarder?: Many<NetworkForwarder>;
  readonly txt?: Many<NetworkTxt>;
  readonly srv?: Many<NetworkSrv>;
  readonly host?: Many<NetworkHost>;
}
export interface NetworkBandwidth {
  readonly classID?: Text | null;
  readonly inbound?: NetworkInbound | null;
  readonly outbound?: NetworkInbound | null;
}
export interface NetworkVlan {
  readonly trunk?: "yes" | boolean | null;
  readonly tag?: Many<NetworkTag>;
}
export interface NetworkPort {
  readonly isolated?: "yes" | "no" | boolean | null;
}
export interface NetworkIp {
  readonly address?: Text | null;
  readonly netmask?: Text | null;
  readonly prefix?: Text | null;
  readonly family?: Text | null;
  readonly localPtr?: "yes" | "no" | boolean | null;
  readonly tftp?: NetworkTftp | null;
  readonly dhcp?: NetworkDhcp | null;
}
export interface NetworkRoute {
  readonly family?: Text | null;
  readonly address?: Text | null;
  readonly netmask?: Text | null;
  readonly prefix?: Text | null;
  readonly gateway?: Text | null;
  readonly metric?: Text | null;
}
export interface NetworkDnsmasqOptions {
  readonly option?: Many<NetworkOption>;
}
export interface PoolFeatures {
  readonly cow?: PoolCow | null;
}
export interface PoolSource {
  readonly vendor?: PoolVendor | null;
  readonly product?: PoolVendor | null;
  readonly device?: Many<PoolDevice>;
  readonly format?: PoolFormat | null;
  readonly host?: Many<PoolHost>;
  readonly dir?: PoolDir | null;
  readonly protocol?: PoolProtocol | null;
  readonly name?: Many<Text>;
  readonly initiator?: PoolInitiator | null;
  readonly auth?: PoolAuth | null;
  readonly adapter?: PoolAdapter | null;
}
export interface PoolTarget {
  readonly path?: Text | null;
  readonly permissions?: PoolPermissions | null;
}
export interface PoolFsMountOpts {
  readonly option?: Many<PoolOption>;
}
export interface PoolRefresh {
  readonly volume?: PoolVolume | null;
}
export interface PoolRbdConfigOpts {
  readonly option?: Many<PoolRbdConfigOptsOption>;
}
export interface VolumeSource {
  readonly device?: Many<VolumeDevice>;
}
export interface VolumeTarget {
  readonly path?: Text | null;
  readonly format?: VolumeFormat | null;
  readonly permissions?: PoolPermissions | null;
  readonly timestamps?: VolumeTimestamps | null;
  readonly encryption?: VolumeEncryption | null;
  readonly compat?: Text | null;
  readonly nocow?: boolean | Readonly<Record<string, never>> | null;
  readonly clusterSize?: DomainCurrentMemory | Text | null;
  readonly features?: VolumeFeatures | null;
}
export interface VolumeBackingStore {
  readonly path?: Text | null;
  readonly format?: VolumeFormat | null;
  readonly permissions?: PoolPermissions | null;
  readonly timestamps?: VolumeTimestamps | null;
}
export interface DomainModel {
  readonly fallback?: "allow" | "forbid" | null;
  readonly vendor_id?: Text | null;
  readonly value?: Text | null;
}
export interface DomainTopology {
  readonly sockets?: Text | null;
  readonly dies?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly clusters?: Text | null;
  readonly cores?: Text | null;
  readonly threads?: Text | null;
}
export interface DomainFeature {
  readonly policy?: "force" | "require" | "optional" | "disable" | "forbid" | null;
  readonly name?: Text | null;
}
export interface DomainNuma {
  readonly cell?: Many<DomainCell>;
  readonly interconnects?: DomainInterconnects | null;
}
export interface DomainCache {
  readonly level?: "1" | "2" | "3" | 1 | 2 | 3 | null;
  readonly mode?: "emulate" | "passthrough" | "disable" | null;
}
export interface DomainMaxphysaddr {
  readonly mode?: "emulate" | "passthrough" | null;
  readonly bits?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly limit?: Text | null;
}
export interface DomainBios {
  readonly entry?: Many<DomainBiosEntry | Text>;
}
export interface DomainSystem {
  readonly entry?: Many<DomainSystemEntry | Text>;
}
export interface DomainBaseBoard {
  readonly entry?: Many<DomainBaseBoardEntry | Text>;
}
export interface DomainChassis {
  readonly entry?: Many<DomainChassisEntry | Text>;
}
export interface DomainOemStrings {
  readonly entry?: Many<Text>;
}
export interface DomainEntry {
  readonly name?: Text | null;
  readonly file?: Text | null;
  readonly value?: Text | null;
}
export interface DomainType {
  readonly arch?: "i686" | "x86_64" | "ia64" | "aarch64" | "alpha" | "armv6l" | "armv7l" | "cris" | "lm32" | "loongarch64" | "m68k" | "microblaze" | "microblazeel" | "mips" | "mipsel" | "mips64" | "mips64el" | "openrisc" | "parisc" | "parisc64" | "ppc" | "ppc64" | "ppc64le" | "ppcemb" | "riscv32" | "riscv64" | "s390" | "s390x" | "sh4" | "sh4eb" | "sparc" | "sparc64" | "unicore32" | "xtensa" | "xtensaeb" | null;
  readonly machine?: Text | null;
  readonly value?: "xen" | "linux" | "xenpvh" | "hvm" | "exe" | null;
}
export interface DomainFirmware {
  readonly feature?: Many<DomainFirmwareFeature>;
}
export interface DomainLoader {
  readonly readonly?: "yes" | "no" | boolean | null;
  readonly secure?: "yes" | "no" | boolean | null;
  readonly type?: "rom" | "pflash" | null;
  readonly stateless?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly format?: "raw" | "qcow2" | null;
  readonly value?: Text | null;
}
export interface DomainNvram {
  readonly template?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly templateFormat?: "raw" | "qcow2" | null;
  /** Not known to libvirt 9.0.0. */
  readonly format?: "raw" | "qcow2" | null;
  readonly type?: "file" | "block" | "dir" | "network" | "volume" | "nvme" | "vhostuser" | "vhostvdpa" | null;
  readonly value?: Text | null;
  readonly source?: DomainNvramSource | null;
}
export interface DomainBoot {
  readonly dev?: "hd" | "fd" | "cdrom" | "network" | null;
}
export interface DomainBootmenu {
  readonly enable?: "yes" | "no" | boolean | null;
  readonly timeout?: Text | null;
}
export interface DomainSmbios {
  readonly mode?: "emulate" | "host" | "sysinfo" | null;
}
export interface DomainOsBios {
  readonly useserial?: "yes" | "no" | boolean | null;
  readonly rebootTimeout?: Text | null;
}
export interface DomainAcpi {
  readonly table?: Many<DomainTable | Text>;
}
export interface DomainInitenv {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface DomainVarstore {
  readonly path?: Text | null;
  readonly template?: Text | null;
}
export interface DomainTimer {
  readonly name?: "platform" | "rtc" | "tsc" | "hpet" | "pit" | "armvtimer" | "kvmclock" | "hypervclock" | null;
  readonly track?: "boot" | "guest" | "wall" | "realtime" | null;
  readonly tickpolicy?: "delay" | "merge" | "discard" | "catchup" | null;
  readonly frequency?: Text | null;
  readonly mode?: "auto" | "native" | "emulate" | "paravirt" | "smpsafe" | null;
  readonly present?: "yes" | "no" | boolean | null;
  readonly catchup?: DomainCatchup | null;
}
export interface DomainThrottlegroup {
  readonly total_bytes_sec?: Text | null;
  readonly read_bytes_sec?: Text | null;
  readonly write_bytes_sec?: Text | null;
  readonly total_iops_sec?: Text | null;
  readonly read_iops_sec?: Text | null;
  readonly write_iops_sec?: Text | null;
  readonly total_bytes_sec_max?: Text | null;
  readonly read_bytes_sec_max?: Text | null;
  readonly write_bytes_sec_max?: Text | null;
  readonly total_iops_sec_max?: Text | null;
  readonly read_iops_sec_max?: Text | null;
  readonly write_iops_sec_max?: Text | null;
  readonly size_iops_sec?: Text | null;
  readonly group_name?: Text | null;
  readonly total_bytes_sec_max_length?: Text | null;
  readonly read_bytes_sec_max_length?: Text | null;
  readonly write_bytes_sec_max_length?: Text | null;
  readonly total_iops_sec_max_length?: Text | null;
  readonly read_iops_sec_max_length?: Text | null;
  readonly write_iops_sec_max_length?: Text | null;
}
export interface DomainHugepages {
  readonly page?: Many<DomainPage>;
}
export interface DomainSource {
  readonly type?: "file" | "anonymous" | "memfd" | null;
}
export interface DomainAccess {
  readonly mode?: "shared" | "private" | null;
}
export interface DomainAllocation {
  readonly mode?: "immediate" | "ondemand" | null;
  readonly threads?: Text | null;
}
export interface DomainVcpusVcpu {
  readonly id?: Text | null;
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly hotpluggable?: "yes" | "no" | boolean | null;
  readonly order?: Text | null;
}
export interface DomainIothread {
  readonly id?: Text | null;
  readonly thread_pool_min?: Text | null;
  readonly thread_pool_max?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly poll?: DomainPoll | null;
}
export interface DomainDevice {
  readonly path?: Text | null;
  readonly weight?: Text | null;
  readonly read_iops_sec?: Text | null;
  readonly write_iops_sec?: Text | null;
  readonly read_bytes_sec?: Text | null;
  readonly write_bytes_sec?: Text | null;
}
export interface DomainVcpupin {
  readonly vcpu?: Text | null;
  readonly cpuset?: Text | null;
}
export interface DomainEmulatorpin {
  readonly cpuset?: Text | null;
}
export interface DomainIothreadpin {
  readonly iothread?: Text | null;
  readonly cpuset?: Text | null;
}
export interface DomainVcpusched {
  readonly vcpus?: Text | null;
  readonly scheduler?: "batch" | "idle" | "fifo" | "rr" | null;
  readonly priority?: Text | null;
}
export interface DomainIothreadsched {
  readonly iothreads?: Text | null;
  readonly scheduler?: "batch" | "idle" | "fifo" | "rr" | null;
  readonly priority?: Text | null;
}
export interface DomainEmulatorsched {
  readonly scheduler?: "batch" | "idle" | "fifo" | "rr" | null;
  readonly priority?: Text | null;
}
export interface DomainCachetune {
  readonly vcpus?: Text | null;
  readonly id?: Text | null;
  readonly cache?: Many<DomainCachetuneCache>;
  readonly monitor?: Many<DomainMonitor>;
}
export interface DomainMemorytune {
  readonly vcpus?: Text | null;
  readonly node?: Many<DomainNode>;
  readonly monitor?: Many<DomainMemorytuneMonitor>;
}
export interface DomainEnergytune {
  readonly vcpus?: Text | null;
  readonly id?: Text | null;
  readonly monitor?: Many<DomainEnergytuneMonitor>;
}
export interface DomainNumatuneMemory {
  readonly mode?: "strict" | "preferred" | "interleave" | "restrictive" | null;
  readonly placement?: "static" | "auto" | null;
  readonly nodeset?: Text | null;
}
export interface DomainMemnode {
  readonly cellid?: Text | null;
  readonly mode?: "strict" | "preferred" | "interleave" | "restrictive" | null;
  readonly nodeset?: Text | null;
}
export interface DomainFibrechannel {
  readonly appid?: Text | null;
}
export interface DomainApic {
  readonly eoi?: "on" | "off" | boolean | null;
}
export interface DomainHap {
  readonly state?: "on" | "off" | boolean | null;
}
export interface DomainHyperv {
  readonly mode?: "passthrough" | "custom" | "host-model" | null;
  readonly relaxed?: DomainHtm | null;
  readonly vapic?: DomainHtm | null;
  readonly spinlocks?: DomainSpinlocks | null;
  readonly vpindex?: DomainHtm | null;
  readonly runtime?: DomainHtm | null;
  readonly synic?: DomainHtm | null;
  readonly stimer?: DomainStimer | null;
  readonly reset?: DomainHtm | null;
  readonly vendor_id?: DomainVendorId | null;
  readonly frequencies?: DomainHtm | null;
  readonly reenlightenment?: DomainHtm | null;
  readonly tlbflush?: DomainTlbflush | null;
  readonly ipi?: DomainHtm | null;
  readonly evmcs?: DomainHtm | null;
  readonly avic?: DomainHtm | null;
  /** Not known to libvirt 9.0.0. */
  readonly emsr_bitmap?: DomainHtm | null;
  /** Not known to libvirt 9.0.0. */
  readonly xmm_input?: DomainHtm | null;
}
export interface DomainKvm {
  readonly hidden?: DomainHtm | null;
  readonly "hint-dedicated"?: DomainHtm | null;
  readonly "poll-control"?: DomainHtm | null;
  readonly "pv-ipi"?: DomainHtm | null;
  readonly "dirty-ring"?: DomainDirtyRing | null;
}
export interface DomainXen {
  readonly e820_host?: DomainHtm | null;
  readonly passthrough?: DomainPassthrough | null;
}
export interface DomainCapabilities {
  readonly policy?: "default" | "allow" | "deny" | null;
  readonly audit_control?: DomainHtm | null;
  readonly audit_write?: DomainHtm | null;
  readonly block_suspend?: DomainHtm | null;
  readonly chown?: DomainHtm | null;
  readonly dac_override?: DomainHtm | null;
  readonly dac_read_search?: DomainHtm | null;
  readonly fowner?: DomainHtm | null;
  readonly fsetid?: DomainHtm | null;
  readonly ipc_lock?: DomainHtm | null;
  readonly ipc_owner?: DomainHtm | null;
  readonly kill?: DomainHtm | null;
  readonly lease?: DomainHtm | null;
  readonly linux_immutable?: DomainHtm | null;
  readonly mac_admin?: DomainHtm | null;
  readonly mac_override?: DomainHtm | null;
  readonly mknod?: DomainHtm | null;
  readonly net_admin?: DomainHtm | null;
  readonly net_bind_service?: DomainHtm | null;
  readonly net_broadcast?: DomainHtm | null;
  readonly net_raw?: DomainHtm | null;
  readonly setgid?: DomainHtm | null;
  readonly setfcap?: DomainHtm | null;
  readonly setpcap?: DomainHtm | null;
  readonly setuid?: DomainHtm | null;
  readonly sys_admin?: DomainHtm | null;
  readonly sys_boot?: DomainHtm | null;
  readonly sys_chroot?: DomainHtm | null;
  readonly sys_module?: DomainHtm | null;
  readonly sys_nice?: DomainHtm | null;
  readonly sys_pacct?: DomainHtm | null;
  readonly sys_ptrace?: DomainHtm | null;
  readonly sys_rawio?: DomainHtm | null;
  readonly sys_resource?: DomainHtm | null;
  readonly sys_time?: DomainHtm | null;
  readonly sys_tty_config?: DomainHtm | null;
  readonly syslog?: DomainHtm | null;
  readonly wake_alarm?: DomainHtm | null;
}
export interface DomainGic {
  readonly version?: "host" | "2" | "3" | 2 | 3 | null;
}
export interface DomainSmm {
  readonly state?: "on" | "off" | boolean | null;
  readonly tseg?: DomainCurrentMemory | Text | null;
}
export interface DomainIoapic {
  readonly driver?: "qemu" | "kvm" | null;
}
export interface DomainHpt {
  readonly resizing?: "enabled" | "disabled" | "required" | null;
  readonly maxpagesize?: DomainCurrentMemory | Text | null;
}
export interface DomainHtm {
  readonly state?: "on" | "off" | boolean | null;
}
export interface DomainMsrs {
  readonly unknown?: "ignore" | "fault" | null;
}
export interface DomainCfpc {
  readonly value?: "broken" | "workaround" | "fixed" | null;
}
export interface DomainIbs {
  readonly value?: "broken" | "workaround" | "fixed-ibs" | "fixed-ccd" | "fixed-na" | null;
}
export interface DomainTcg {
  readonly "tb-cache"?: DomainCurrentMemory | Text | null;
}
export interface DomainAsyncTeardown {
  readonly enabled?: "yes" | "no" | boolean | null;
}
export interface DomainAia {
  readonly value?: "none" | "aplic" | "aplic-imsic" | null;
}
export interface DomainEvent {
  readonly name?: "cmt" | "mbmt" | "mbml" | "cpu_cycles" | "instructions" | "cache_references" | "cache_misses" | "branch_instructions" | "branch_misses" | "bus_cycles" | "stalled_cycles_frontend" | "stalled_cycles_backend" | "ref_cpu_cycles" | "cpu_clock" | "task_clock" | "page_faults" | "context_switches" | "cpu_migrations" | "page_faults_min" | "page_faults_maj" | "alignment_faults" | "emulation_faults" | null;
  readonly enabled?: "yes" | "no" | boolean | null;
}
export interface DomainUid {
  readonly start?: Text | null;
  readonly target?: Text | null;
  readonly count?: Text | null;
}
export interface DomainDisk {
  readonly device?: "floppy" | "disk" | "cdrom" | "lun" | null;
  readonly type?: "file" | "block" | "dir" | "network" | "volume" | "nvme" | "vhostuser" | "vhostvdpa" | "ctl" | null;
  readonly rawio?: "yes" | "no" | boolean | null;
  readonly sgio?: "filtered" | "unfiltered" | null;
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | null;
  readonly snapshot?: "no" | "internal" | "external" | "manual" | boolean | null;
  readonly source?: DomainNvramSource | null;
  readonly driver?: DomainDriver | null;
  readonly mirror?: DomainMirror | null;
  readonly auth?: DomainAuth | null;
  readonly target?: DomainTarget | null;
  readonly boot?: DomainDiskBoot | null;
  readonly backenddomain?: DomainBackenddomain | null;
  readonly readonly?: boolean | Readonly<Record<string, never>> | null;
  readonly shareable?: boolean | Readonly<Record<string, never>> | null;
  readonly transient?: DomainTransient | null;
  readonly serial?: Text | null;
  readonly encryption?: VolumeEncryption | null;
  /** Not known to libvirt 9.0.0. */
  readonly throttlefilters?: DomainThrottlefilters | null;
  readonly iotune?: DomainThrottlegroup | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly geometry?: DomainGeometry | null;
  readonly blockio?: DomainBlockio | null;
  readonly wwn?: Text | null;
  readonly vendor?: Text | null;
  readonly product?: Text | null;
  readonly backingStore?: DomainBackingStore | null;
  readonly privateData?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainController {
  readonly index?: Text | null;
  readonly type?: "fdc" | "sata" | "ccid" | "scsi" | "usb" | "ide" | "isa" | "pci" | "virtio-serial" | "xenbus" | "nvme" | null;
  readonly model?: "auto" | "buslogic" | "lsilogic" | "lsisas1068" | "vmpvscsi" | "ibmvscsi" | "virtio-scsi" | "lsisas1078" | "virtio-transitional" | "virtio-non-transitional" | "ncr53c90" | "dc390" | "am53c974" | "piix3-uhci" | "piix4-uhci" | "ehci" | "ich9-ehci1" | "ich9-uhci1" | "ich9-uhci2" | "ich9-uhci3" | "vt82c686b-uhci" | "pci-ohci" | "nec-xhci" | "none" | "qusb1" | "qusb2" | "qemu-xhci" | "piix3" | "piix4" | "ich6" | "pci-root" | "pcie-root" | "pci-bridge" | "dmi-to-pci-bridge" | "pcie-to-pci-bridge" | "pcie-root-port" | "pcie-switch-upstream-port" | "pcie-switch-downstream-port" | "pci-expander-bus" | "pcie-expander-bus" | "virtio" | null;
  readonly ports?: Text | null;
  readonly vectors?: Text | null;
  readonly maxGrantFrames?: Text | null;
  readonly maxEventChannels?: Text | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly master?: DomainMaster | null;
  readonly $model?: DomainControllerModel | null;
  readonly target?: DomainControllerTarget | null;
  readonly pcihole64?: DomainCurrentMemory | Text | null;
  readonly driver?: DomainControllerDriver | null;
  /** Needs libvirt 11.5.0. */
  readonly serial?: Text | null;
}
export interface DomainLease {
  readonly lockspace?: Text | null;
  readonly key?: Text | null;
  readonly target?: DomainLeaseTarget | null;
}
export interface DomainFilesystem {
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | null;
  readonly type?: "file" | "block" | "mount" | "bind" | "template" | "ram" | null;
  readonly accessmode?: "passthrough" | "mapped" | "squash" | null;
  readonly multidevs?: "default" | "remap" | "forbid" | "warn" | null;
  readonly fmode?: Text | null;
  readonly dmode?: Text | null;
  readonly driver?: DomainFilesystemDriver | null;
  readonly source?: DomainFilesystemSource | null;
  readonly target?: DomainFilesystemTarget | null;
  readonly readonly?: boolean | Readonly<Record<string, never>> | null;
  readonly boot?: DomainDiskBoot | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly space_hard_limit?: DomainCurrentMemory | Text | null;
  readonly space_soft_limit?: DomainCurrentMemory | Text | null;
  readonly binary?: DomainBinary | null;
  /** Not known to libvirt 9.0.0. */
  readonly idmap?: DomainIdmap | null;
}
export interface DomainInterface {
  readonly type?: "bridge" | "ethernet" | "vhostuser" | "network" | "direct" | "user" | "internal" | "mcast" | "client" | "udp" | "server" | "hostdev" | "vdpa" | "null" | "vds" | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly trustGuestRxFilters?: "yes" | "no" | boolean | null;
  readonly source?: DomainInterfaceSource | null;
  readonly virtualport?: NetworkVirtualport | null;
  readonly link?: DomainLink | null;
  readonly mtu?: NetworkMtu | null;
  readonly coalesce?: DomainCoalesce | null;
  readonly target?: DomainInterfaceTarget | null;
  readonly guest?: DomainGuest | null;
  readonly mac?: DomainMac | null;
  readonly ip?: Many<DomainIp>;
  readonly route?: Many<NetworkRoute>;
  readonly portForward?: Many<DomainPortForward>;
  readonly script?: DomainScript | null;
  readonly downscript?: DomainScript | null;
  readonly backenddomain?: DomainBackenddomain | null;
  readonly model?: DomainInterfaceModel | null;
  readonly backend?: DomainBackend | null;
  readonly driver?: DomainInterfaceDriver | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly filterref?: DomainFilterref | null;
  readonly tune?: DomainTune | null;
  readonly boot?: DomainDiskBoot | null;
  readonly rom?: DomainRom | null;
  readonly bandwidth?: NetworkBandwidth | null;
  readonly vlan?: NetworkVlan | null;
  readonly port?: NetworkPort | null;
  readonly teaming?: DomainTeaming | null;
}
export interface DomainInput {
  readonly type?: "tablet" | "mouse" | "keyboard" | "passthrough" | "evdev" | null;
  readonly bus?: "ps2" | "usb" | "xen" | "virtio" | null;
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | null;
  readonly driver?: DomainInputDriver | null;
  readonly source?: DomainInputSource | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainSound {
  readonly model?: "sb16" | "es1370" | "pcspk" | "ac97" | "ich6" | "ich7" | "ich9" | "usb" | "virtio" | null;
  /** Not known to libvirt 9.0.0. */
  readonly multichannel?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly streams?: Text | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly audio?: DomainSoundAudio | null;
  readonly codec?: Many<DomainCodec>;
  /** Not known to libvirt 9.0.0. */
  readonly driver?: DomainInputDriver | null;
}
export interface DomainAudio {
  readonly id?: Text | null;
  readonly timerPeriod?: Text | null;
  readonly type?: "none" | "dbus" | "alsa" | "coreaudio" | "jack" | "oss" | "pipewire" | "pulseaudio" | "sdl" | "spice" | "file" | null;
  readonly tryMMap?: "yes" | "no" | boolean | null;
  readonly exclusive?: "yes" | "no" | boolean | null;
  readonly dspPolicy?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly runtimeDir?: Text | null;
  readonly serverName?: Text | null;
  readonly driver?: "esd" | "alsa" | "arts" | "pulseaudio" | null;
  readonly path?: Text | null;
  readonly input?: DomainAudioInput | null;
  readonly output?: DomainAudioInput | null;
}
export interface DomainHostdev {
  readonly mode?: "subsystem" | "capabilities" | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly type?: "pci" | "usb" | "scsi" | "scsi_host" | "mdev" | "storage" | "misc" | "net" | null;
  readonly ramfb?: "on" | "off" | boolean | null;
  readonly display?: "on" | "off" | boolean | null;
  readonly sgio?: "filtered" | "unfiltered" | null;
  readonly rawio?: "yes" | "no" | boolean | null;
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | "vfio-pci" | "vfio-ccw" | "vfio-ap" | null;
  readonly driver?: DomainHostdevDriver | null;
  readonly teaming?: DomainTeaming | null;
  readonly source?: DomainHostdevSource | null;
  readonly ip?: Many<DomainIp>;
  readonly route?: Many<NetworkRoute>;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly boot?: DomainDiskBoot | null;
  readonly rom?: DomainRom | null;
  readonly address?: DomainAddress | null;
  readonly readonly?: boolean | Readonly<Record<string, never>> | null;
  readonly shareable?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainGraphics {
  readonly type?: "sdl" | "vnc" | "spice" | "dbus" | "rdp" | "desktop" | "egl-headless" | null;
  readonly display?: Text | null;
  readonly xauth?: Text | null;
  readonly fullscreen?: "yes" | "no" | boolean | null;
  readonly port?: Text | null;
  readonly autoport?: "yes" | "no" | boolean | null;
  readonly websocket?: Text | null;
  readonly listen?: Text | null;
  readonly sharePolicy?: "allow-exclusive" | "force-shared" | "ignore" | null;
  readonly powerControl?: "yes" | "no" | boolean | null;
  readonly socket?: Text | null;
  readonly passwd?: Text | null;
  readonly keymap?: Text | null;
  readonly passwdValidTo?: Text | null;
  readonly connected?: "keep" | "fail" | "disconnect" | null;
  readonly tlsPort?: Text | null;
  readonly defaultMode?: "any" | "secure" | "insecure" | null;
  readonly address?: Text | null;
  readonly p2p?: "yes" | "no" | boolean | null;
  readonly replaceUser?: "yes" | "no" | boolean | null;
  readonly multiUser?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly username?: Text | null;
  /** Needs libvirt 11.10.0. */
  readonly wait?: Text | null;
  readonly gl?: DomainGl | null;
  readonly audio?: DomainSoundAudio | null;
  readonly $listen?: Many<DomainListen>;
  readonly channel?: Many<DomainGraphicsChannel>;
  readonly image?: DomainImage | null;
  readonly jpeg?: DomainJpeg | null;
  readonly zlib?: DomainJpeg | null;
  readonly playback?: DomainPlayback | null;
  readonly streaming?: DomainStreaming | null;
  readonly clipboard?: DomainClipboard | null;
  readonly mouse?: DomainMouse | null;
  readonly filetransfer?: DomainFiletransfer | null;
}
export interface DomainVideo {
  readonly driver?: DomainVideoDriver | null;
  readonly model?: DomainVideoModel | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainConsole {
  readonly tty?: Text | null;
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
  readonly target?: DomainConsoleTarget | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainParallel {
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly tty?: Text | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
  readonly target?: DomainConsoleTarget | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainChannel {
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
  readonly target?: DomainChannelTarget | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainSmartcard {
  readonly mode?: "host" | "host-certificates" | "passthrough" | null;
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly certificate?: Many<Text>;
  readonly database?: Text | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
  readonly target?: DomainConsoleTarget | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly alias?: DomainAlias | null;
}
export interface DomainHub {
  readonly type?: "usb" | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainRedirdev {
  readonly bus?: "usb" | null;
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  readonly boot?: DomainDiskBoot | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainRedirfilter {
  readonly usbdev?: Many<DomainUsbdev>;
}
export interface DomainRng {
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | null;
  readonly backend?: DomainRngBackend | Text | null;
  readonly driver?: DomainInputDriver | null;
  readonly rate?: DomainRate | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainTpm {
  readonly model?: "tpm-tis" | "tpm-crb" | "tpm-spapr" | "spapr-tpm-proxy" | null;
  readonly backend?: DomainTpmBackend | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainShmem {
  readonly name?: Text | null;
  readonly role?: "master" | "peer" | null;
  readonly model?: DomainShmemModel | null;
  readonly size?: DomainCurrentMemory | Text | null;
  readonly server?: DomainServer | null;
  readonly msi?: DomainMsi | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainDevicesMemory {
  readonly model?: "dimm" | "nvdimm" | "virtio-pmem" | "virtio-mem" | "sgx-epc" | null;
  readonly access?: "shared" | "private" | null;
  readonly discard?: "yes" | "no" | boolean | null;
  readonly uuid?: Text | null;
  readonly source?: DomainMemorySource | null;
  readonly target?: DomainMemoryTarget | null;
  readonly address?: DomainAddress | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  /** Needs libvirt 11.9.0. */
  readonly driver?: DomainInputDriver | null;
}
export interface DomainCrypto {
  readonly model?: "virtio" | null;
  readonly type?: "qemu" | null;
  readonly backend?: DomainCryptoBackend | null;
  readonly driver?: DomainInputDriver | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainWatchdog {
  readonly model?: "i6300esb" | "ib700" | "diag288" | "itco" | null;
  readonly action?: "reset" | "shutdown" | "poweroff" | "pause" | "none" | "dump" | "inject-nmi" | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
}
export interface DomainMemballoon {
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | "xen" | "none" | null;
  readonly autodeflate?: "on" | "off" | boolean | null;
  readonly freePageReporting?: "on" | "off" | boolean | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly stats?: DomainStats | null;
  readonly driver?: DomainInputDriver | null;
}
export interface DomainDevicesNvram {
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly alias?: DomainAlias | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainPanic {
  readonly model?: "isa" | "pseries" | "hyperv" | "s390" | "pvpanic" | null;
  readonly alias?: DomainAlias | null;
  readonly address?: DomainAddress | null;
  /** Not known to libvirt 9.0.0. */
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainIommu {
  readonly model?: "intel" | "smmuv3" | "virtio" | "amd" | null;
  readonly driver?: DomainIommuDriver | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly address?: DomainAddress | null;
  readonly alias?: DomainAlias | null;
}
export interface DomainVsock {
  readonly model?: "virtio" | "virtio-transitional" | "virtio-non-transitional" | null;
  readonly cid?: DomainCid | null;
  readonly address?: DomainAddress | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
  readonly driver?: DomainInputDriver | null;
}
export interface DomainPstore {
  readonly backend?: "acpi-erst" | null;
  readonly path?: Text | null;
  readonly size?: DomainCurrentMemory | Text | null;
  readonly address?: DomainAddress | null;
  readonly alias?: DomainAlias | null;
  readonly acpi?: DomainDiskAcpi | null;
}
export interface DomainArg {
  readonly value?: Text | null;
}
export interface DomainEnv {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface DomainAdd {
  readonly capability?: Text | null;
}
export interface DomainQemuOverrideDevice {
  readonly alias?: Text | null;
  readonly frontend?: DomainFrontend | null;
}
export interface DomainSharenet {
  readonly type?: "netns" | "name" | "pid" | null;
  readonly value?: Text | null;
}
export interface DomainShareipc {
  readonly type?: "name" | "pid" | null;
  readonly value?: Text | null;
}
export interface DomainCipher {
  readonly name?: "aes" | "dea" | null;
  readonly state?: "on" | "off" | boolean | null;
}
export interface DomainQuoteGenerationService {
  readonly path?: Text | null;
}
export interface DomainBhyveCommandlineArg {
  readonly value?: Text | null;
}
export interface DomainXenCommandlineArg {
  readonly value?: Text | null;
}
export interface NetworkInterface {
  readonly dev?: Text | null;
  readonly connections?: Text | null;
}
export interface NetworkAddress {
  readonly type?: "pci" | null;
  readonly domain?: Text | null;
  readonly bus?: Text | null;
  readonly slot?: Text | null;
  readonly function?: Text | null;
  readonly multifunction?: "on" | "off" | boolean | null;
  readonly connections?: Text | null;
}
export interface NetworkPf {
  readonly dev?: Text | null;
}
export interface NetworkDriver {
  readonly name?: "kvm" | "vfio" | "xen" | null;
  /** Not known to libvirt 9.0.0. */
  readonly model?: Text | null;
}
export interface NetworkNat {
  readonly ipv6?: "yes" | "no" | boolean | null;
  readonly address?: NetworkNatAddress | null;
  readonly port?: NetworkNatPort | null;
}
export interface NetworkParameters {
  readonly managerid?: Text | null;
  readonly typeid?: Text | null;
  readonly typeidversion?: Text | null;
  readonly instanceid?: Text | null;
  readonly profileid?: Text | null;
  readonly interfaceid?: Text | null;
}
export interface NetworkForwarder {
  readonly addr?: Text | null;
  readonly domain?: Text | null;
  /** Needs libvirt 12.0.0. */
  readonly port?: Text | null;
}
export interface NetworkTxt {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface NetworkSrv {
  readonly service?: Text | null;
  readonly protocol?: Text | null;
  readonly domain?: Text | null;
  readonly target?: Text | null;
  readonly port?: Text | null;
  readonly priority?: Text | null;
  readonly weight?: Text | null;
}
export interface NetworkHost {
  readonly ip?: Text | null;
  readonly hostname?: Many<Text>;
}
export interface NetworkInbound {
  readonly average?: Text | null;
  readonly peak?: Text | null;
  readonly floor?: Text | null;
  readonly burst?: Text | null;
}
export interface NetworkTag {
  readonly id?: Text | null;
  readonly nativeMode?: "tagged" | "untagged" | null;
}
export interface NetworkTftp {
  readonly root?: Text | null;
}
export interface NetworkDhcp {
  readonly range?: Many<NetworkRange>;
  readonly host?: Many<NetworkDhcpHost>;
  readonly bootp?: NetworkBootp | null;
}
export interface NetworkOption {
  readonly value?: Text | null;
}
export interface PoolCow {
  readonly state?: "yes" | "no" | boolean | null;
}
export interface PoolVendor {
  readonly name?: Text | null;
}
export interface PoolDevice {
  readonly path?: Text | null;
  readonly part_separator?: "yes" | "no" | boolean | null;
  readonly freeExtent?: Many<PoolFreeExtent>;
}
export interface PoolFormat {
  readonly type?: "auto" | "ext2" | "ext3" | "ext4" | "ufs" | "iso9660" | "udf" | "gfs" | "gfs2" | "vfat" | "hfs+" | "xfs" | "ocfs2" | "vmfs" | "nfs" | "cifs" | "glusterfs" | "unknown" | "lvm2" | "dos" | "dvh" | "gpt" | "mac" | "bsd" | "pc98" | "sun" | null;
  readonly vendor?: PoolVendor | null;
  readonly product?: PoolVendor | null;
}
export interface PoolHost {
  readonly name?: Text | null;
  readonly port?: Text | null;
}
export interface PoolDir {
  readonly path?: Text | null;
}
export interface PoolProtocol {
  readonly ver?: Text | null;
}
export interface PoolInitiator {
  readonly iqn?: PoolVendor | null;
}
export interface PoolAuth {
  readonly type?: "chap" | "ceph" | null;
  readonly username?: Text | null;
  readonly secret?: PoolSecret | null;
}
export interface PoolAdapter {
  readonly type?: "scsi_host" | "fc_host" | null;
  readonly name?: Text | null;
  readonly parent?: Text | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly parent_wwnn?: Text | null;
  readonly parent_wwpn?: Text | null;
  readonly parent_fabric_wwn?: Text | null;
  readonly wwnn?: Text | null;
  readonly wwpn?: Text | null;
  readonly parentaddr?: PoolParentaddr | null;
}
export interface PoolPermissions {
  readonly mode?: Text | null;
  readonly owner?: Text | null;
  readonly group?: Text | null;
  readonly label?: Text | null;
}
export interface PoolOption {
  readonly name?: Text | null;
}
export interface PoolVolume {
  readonly allocation?: "default" | "capacity" | null;
}
export interface PoolRbdConfigOptsOption {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface VolumeDevice {
  readonly path?: Text | null;
  readonly extent?: Many<PoolFreeExtent>;
}
export interface VolumeFormat {
  readonly type?: "unknown" | "raw" | "dir" | "bochs" | "cloop" | "dmg" | "iso" | "vpc" | "vdi" | "fat" | "vhd" | "ploop" | "luks" | "cow" | "qcow" | "qcow2" | "qed" | "vmdk" | "none" | "auto" | "ext2" | "ext3" | "ext4" | "ufs" | "iso9660" | "udf" | "gfs" | "gfs2" | "vfat" | "hfs+" | "xfs" | "ocfs2" | "vmfs" | "linux" | "fat16" | "fat32" | "linux-swap" | "linux-lvm" | "linux-raid" | "extended" | null;
}
export interface VolumeTimestamps {
  readonly atime?: Text | null;
  readonly btime?: Text | null;
  readonly ctime?: Text | null;
  readonly mtime?: Text | null;
}
export interface VolumeEncryption {
  readonly format?: "default" | "qcow" | "luks" | "luks2" | "luks-any" | null;
  readonly engine?: "qemu" | "librbd" | null;
  readonly secret?: Many<VolumeSecret>;
  readonly cipher?: VolumeCipher | null;
  readonly ivgen?: VolumeIvgen | null;
}
export interface VolumeFeatures {
  readonly lazy_refcounts?: boolean | Readonly<Record<string, never>> | null;
  readonly extended_l2?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainCell {
  readonly id?: Text | null;
  readonly cpus?: Text | null;
  readonly memory?: Text | null;
  readonly unit?: Text | null;
  readonly memAccess?: "shared" | "private" | null;
  readonly discard?: "yes" | "no" | boolean | null;
  readonly distances?: DomainDistances | null;
  readonly cache?: Many<DomainCellCache>;
}
export interface DomainInterconnects {
  readonly latency?: Many<DomainLatency>;
  readonly bandwidth?: Many<DomainBandwidth>;
}
export interface DomainBiosEntry {
  readonly name?: "vendor" | "version" | "date" | "release" | null;
  readonly value?: Text | null;
}
export interface DomainSystemEntry {
  readonly name?: "manufacturer" | "product" | "version" | "serial" | "uuid" | "sku" | "family" | null;
  readonly value?: Text | null;
}
export interface DomainBaseBoardEntry {
  readonly name?: "manufacturer" | "product" | "version" | "serial" | "asset" | "location" | null;
  readonly value?: Text | null;
}
export interface DomainChassisEntry {
  readonly name?: "manufacturer" | "version" | "serial" | "asset" | "sku" | null;
  readonly value?: Text | null;
}
export interface DomainFirmwareFeature {
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly name?: "enrolled-keys" | "secure-boot" | null;
}
export interface DomainNvramSource {
  readonly file?: Text | null;
  readonly fdgroup?: Text | null;
  readonly index?: Text | null;
  readonly startupPolicy?: "mandatory" | "requisite" | "optional" | null;
  readonly dev?: Text | null;
  readonly dir?: Text | null;
  readonly protocol?: "nbd" | "gluster" | "rbd" | "iscsi" | "http" | "https" | "ftps" | "ftp" | "ssh" | "sheepdog" | "tftp" | "vxhs" | "nfs" | null;
  readonly name?: Text | null;
  readonly tls?: "yes" | "no" | boolean | null;
  readonly tlsHostname?: Text | null;
  readonly query?: Text | null;
  readonly pool?: Text | null;
  readonly volume?: Text | null;
  readonly mode?: "host" | "direct" | null;
  readonly type?: "pci" | "unix" | null;
  readonly namespace?: Text | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly path?: Text | null;
  readonly slices?: DomainSlices | null;
  /** Not known to libvirt 9.0.0. */
  readonly dataStore?: DomainDataStore | null;
  readonly privateData?: boolean | Readonly<Record<string, never>> | null;
  readonly encryption?: VolumeEncryption | null;
  readonly seclabel?: Many<DomainSourceSeclabel>;
  readonly reservations?: DomainReservations | null;
  readonly host?: Many<DomainHost>;
  readonly reconnect?: DomainReconnect | null;
  readonly snapshot?: DomainSnapshot | null;
  readonly config?: DomainConfig | null;
  readonly auth?: DomainAuth | null;
  readonly initiator?: PoolInitiator | null;
  readonly cookies?: DomainCookies | null;
  readonly readahead?: DomainReadahead | null;
  readonly timeout?: DomainTimeout | null;
  readonly ssl?: DomainSsl | null;
  /** Not known to libvirt 9.0.0. */
  readonly knownHosts?: DomainKnownHosts | null;
  readonly identity?: DomainIdentity | null;
  readonly address?: DomainSourceAddress | null;
}
export interface DomainTable {
  readonly type?: "raw" | "rawset" | "slic" | "msdm" | null;
  readonly value?: Text | null;
}
export interface DomainCatchup {
  readonly threshold?: Text | null;
  readonly slew?: Text | null;
  readonly limit?: Text | null;
}
export interface DomainPage {
  readonly size?: Text | null;
  readonly unit?: Text | null;
  readonly nodeset?: Text | null;
}
export interface DomainPoll {
  readonly max?: Text | null;
  readonly grow?: Text | null;
  readonly shrink?: Text | null;
  /** Needs libvirt 12.7.0. */
  readonly weight?: Text | null;
}
export interface DomainCachetuneCache {
  readonly id?: Text | null;
  readonly level?: Text | null;
  readonly type?: "both" | "code" | "data" | null;
  readonly size?: Text | null;
  readonly unit?: Text | null;
}
export interface DomainMonitor {
  readonly level?: Text | null;
  readonly vcpus?: Text | null;
}
export interface DomainNode {
  readonly id?: Text | null;
  readonly bandwidth?: Text | null;
}
export interface DomainMemorytuneMonitor {
  readonly vcpus?: Text | null;
}
export interface DomainEnergytuneMonitor {
  readonly vcpus?: Text | null;
}
export interface DomainSpinlocks {
  readonly state?: "on" | "off" | boolean | null;
  readonly retries?: Text | null;
}
export interface DomainStimer {
  readonly state?: "on" | "off" | boolean | null;
  readonly direct?: DomainHtm | null;
}
export interface DomainVendorId {
  readonly state?: "on" | "off" | boolean | null;
  readonly value?: Text | null;
}
export interface DomainTlbflush {
  readonly state?: "on" | "off" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly direct?: DomainHtm | null;
  /** Not known to libvirt 9.0.0. */
  readonly extended?: DomainHtm | null;
}
export interface DomainDirtyRing {
  readonly state?: "on" | "off" | boolean | null;
  readonly size?: Text | null;
}
export interface DomainPassthrough {
  readonly state?: "on" | "off" | boolean | null;
  readonly mode?: Text | null;
}
export interface DomainDriver {
  readonly name?: Text | null;
  readonly type?: "raw" | "dir" | "bochs" | "cloop" | "dmg" | "iso" | "vpc" | "vdi" | "fat" | "vhd" | "ploop" | "luks" | "cow" | "qcow" | "qcow2" | "qed" | "vmdk" | "aio" | null;
  readonly cache?: "default" | "none" | "writeback" | "writethrough" | "directsync" | "unsafe" | null;
  readonly error_policy?: "stop" | "report" | "ignore" | "enospace" | null;
  readonly rerror_policy?: "stop" | "report" | "ignore" | null;
  readonly io?: "threads" | "native" | "io_uring" | null;
  readonly ioeventfd?: "on" | "off" | boolean | null;
  readonly event_idx?: "on" | "off" | boolean | null;
  readonly copy_on_read?: "on" | "off" | boolean | null;
  readonly discard?: "unmap" | "ignore" | null;
  readonly iothread?: Text | null;
  readonly detect_zeroes?: "off" | "on" | "unmap" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly discard_no_unref?: "on" | "off" | boolean | null;
  readonly queues?: Text | null;
  readonly queue_size?: Text | null;
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
  readonly metadata_cache?: DomainMetadataCache | null;
  /** Not known to libvirt 9.0.0. */
  readonly iothreads?: DomainIothreads | null;
  /** Needs libvirt 11.9.0. */
  readonly statistics?: DomainStatistics | null;
}
export interface DomainMirror {
  readonly file?: Text | null;
  readonly format?: "raw" | "dir" | "bochs" | "cloop" | "dmg" | "iso" | "vpc" | "vdi" | "fat" | "vhd" | "ploop" | "luks" | "cow" | "qcow" | "qcow2" | "qed" | "vmdk" | null;
  readonly job?: "copy" | "active-commit" | null;
  readonly type?: "file" | "block" | "dir" | "network" | "volume" | "nvme" | "vhostuser" | "vhostvdpa" | null;
  readonly ready?: "yes" | "abort" | "pivot" | boolean | null;
  readonly source?: DomainNvramSource | null;
  readonly $format?: DomainFormat | null;
  readonly backingStore?: DomainBackingStore | null;
}
export interface DomainAuth {
  readonly username?: Text | null;
  readonly secret?: DomainSecret | null;
}
export interface DomainTarget {
  readonly dev?: Text | null;
  readonly bus?: "ide" | "fdc" | "scsi" | "virtio" | "xen" | "usb" | "uml" | "sata" | "sd" | "nvme" | null;
  readonly tray?: "open" | "closed" | null;
  readonly removable?: "on" | "off" | boolean | null;
  readonly rotation_rate?: Text | null;
  /** Needs libvirt 11.10.0. */
  readonly dpofua?: Text | null;
}
export interface DomainDiskBoot {
  readonly order?: Text | null;
  readonly loadparm?: Text | null;
}
export interface DomainBackenddomain {
  readonly name?: Text | null;
}
export interface DomainTransient {
  readonly shareBacking?: "yes" | "no" | boolean | null;
}
export interface DomainThrottlefilters {
  readonly throttlefilter?: Many<DomainThrottlefilter>;
}
export interface DomainAlias {
  readonly name?: Text | null;
}
export interface DomainDiskAcpi {
  readonly index?: Text | null;
  /** Needs libvirt 11.8.0. */
  readonly nodeset?: Text | null;
}
export interface DomainAddress {
  readonly type?: "pci" | "drive" | "virtio-serial" | "ccid" | "usb" | "spapr-vio" | "ccw" | "isa" | "virtio-mmio" | "dimm" | "unassigned" | null;
  readonly domain?: Text | null;
  readonly bus?: Text | null;
  readonly slot?: Text | null;
  readonly function?: Text | null;
  readonly multifunction?: "on" | "off" | boolean | null;
  readonly controller?: Text | null;
  readonly target?: Text | null;
  readonly unit?: Text | null;
  readonly port?: Text | null;
  readonly reg?: Text | null;
  readonly cssid?: Text | null;
  readonly ssid?: Text | null;
  readonly devno?: Text | null;
  readonly iobase?: Text | null;
  readonly irq?: Text | null;
  readonly base?: Text | null;
  readonly zpci?: DomainZpci | null;
}
export interface DomainGeometry {
  readonly cyls?: Text | null;
  readonly heads?: Text | null;
  readonly secs?: Text | null;
  readonly trans?: "auto" | "none" | "lba" | null;
}
export interface DomainBlockio {
  readonly logical_block_size?: Text | null;
  readonly physical_block_size?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly discard_granularity?: Text | null;
}
export interface DomainBackingStore {
  readonly index?: Text | null;
  readonly type?: "file" | "block" | "dir" | "network" | "volume" | "nvme" | "vhostuser" | "vhostvdpa" | null;
  readonly source?: DomainNvramSource | null;
  readonly backingStore?: DomainBackingStore | null;
  readonly format?: DomainFormat | null;
}
export interface DomainMaster {
  readonly startport?: Text | null;
}
export interface DomainControllerModel {
  readonly name?: "spapr-pci-host-bridge" | "pci-bridge" | "i82801b11-bridge" | "pcie-pci-bridge" | "ioh3420" | "pcie-root-port" | "x3130-upstream" | "xio3130-downstream" | "pxb" | "pxb-pcie" | null;
}
export interface DomainControllerTarget {
  readonly chassisNr?: Text | null;
  readonly chassis?: Text | null;
  readonly port?: Text | null;
  readonly busNr?: Text | null;
  readonly index?: Text | null;
  readonly hotplug?: "on" | "off" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly memReserve?: Text | null;
  readonly node?: Text | null;
}
export interface DomainControllerDriver {
  readonly queues?: Text | null;
  readonly cmd_per_lun?: Text | null;
  readonly max_sectors?: Text | null;
  readonly ioeventfd?: "on" | "off" | boolean | null;
  readonly iothread?: Text | null;
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly iothreads?: DomainIothreads | null;
}
export interface DomainLeaseTarget {
  readonly path?: Text | null;
  readonly offset?: Text | null;
}
export interface DomainFilesystemDriver {
  readonly type?: "path" | "handle" | "loop" | "nbd" | "ploop" | "virtiofs" | "mtp" | null;
  readonly format?: "raw" | "dir" | "bochs" | "cloop" | "dmg" | "iso" | "vpc" | "vdi" | "fat" | "vhd" | "ploop" | "luks" | "cow" | "qcow" | "qcow2" | "qed" | "vmdk" | null;
  readonly wrpolicy?: "immediate" | null;
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
  readonly queue?: Text | null;
}
export interface DomainFilesystemSource {
  readonly file?: Text | null;
  readonly dev?: Text | null;
  readonly dir?: Text | null;
  readonly socket?: Text | null;
  readonly name?: Text | null;
  readonly usage?: Text | null;
  readonly units?: Text | null;
}
export interface DomainFilesystemTarget {
  readonly dir?: Text | null;
}
export interface DomainBinary {
  readonly path?: Text | null;
  readonly xattr?: "on" | "off" | boolean | null;
  readonly cache?: DomainBinaryCache | null;
  readonly sandbox?: DomainSandbox | null;
  readonly lock?: DomainLock | null;
  readonly thread_pool?: DomainThreadPool | null;
  /** Not known to libvirt 9.0.0. */
  readonly openfiles?: DomainOpenfiles | null;
}
export interface DomainInterfaceSource {
  readonly bridge?: Text | null;
  readonly macTableManager?: "kernel" | "libvirt" | null;
  readonly network?: Text | null;
  readonly portgroup?: Text | null;
  readonly portid?: Text | null;
  readonly type?: "unix" | null;
  readonly path?: Text | null;
  readonly mode?: Text | null;
  readonly dev?: Text | null;
  readonly name?: Text | null;
  readonly address?: Text | null;
  readonly port?: Text | null;
  readonly missing?: "yes" | "no" | boolean | null;
  readonly switchid?: Text | null;
  readonly portgroupid?: Text | null;
  readonly connectionid?: Text | null;
  readonly ip?: Many<DomainIp>;
  readonly route?: Many<NetworkRoute>;
  readonly reconnect?: DomainReconnect | null;
  readonly local?: DomainLocal | null;
  readonly vendor?: DomainVendor | null;
  readonly product?: DomainVendor | null;
  readonly $address?: DomainInterfaceSourceAddress | null;
}
export interface DomainLink {
  readonly state?: "up" | "down" | null;
}
export interface DomainCoalesce {
  readonly rx?: DomainRx | null;
}
export interface DomainInterfaceTarget {
  readonly dev?: Text | null;
  readonly managed?: "yes" | "no" | boolean | null;
}
export interface DomainGuest {
  readonly dev?: Text | null;
  readonly actual?: Text | null;
}
export interface DomainMac {
  readonly address?: Text | null;
  readonly type?: "generated" | "static" | null;
  readonly check?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly currentAddress?: Text | null;
}
export interface DomainIp {
  readonly address?: Text | null;
  readonly family?: Text | null;
  readonly prefix?: Text | null;
  readonly peer?: Text | null;
}
export interface DomainPortForward {
  readonly proto?: "tcp" | "udp" | null;
  readonly address?: Text | null;
  readonly dev?: Text | null;
  readonly range?: Many<DomainRange>;
}
export interface DomainScript {
  readonly path?: Text | null;
}
export interface DomainInterfaceModel {
  readonly type?: Text | null;
}
export interface DomainBackend {
  readonly type?: "default" | "passt" | null;
  readonly tap?: Text | null;
  readonly vhost?: Text | null;
  readonly logFile?: Text | null;
  /** Needs libvirt 11.8.0. */
  readonly hostname?: Text | null;
  /** Needs libvirt 11.8.0. */
  readonly fqdn?: Text | null;
}
export interface DomainInterfaceDriver {
  readonly name?: "kvm" | "vfio" | "xen" | "qemu" | "vhost" | null;
  /** Not known to libvirt 9.0.0. */
  readonly model?: Text | null;
  readonly queues?: Text | null;
  readonly rx_queue_size?: Text | null;
  readonly tx_queue_size?: Text | null;
  readonly txmode?: "iothread" | "timer" | null;
  readonly ioeventfd?: "on" | "off" | boolean | null;
  readonly event_idx?: "on" | "off" | boolean | null;
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
  readonly rss?: "on" | "off" | boolean | null;
  readonly rss_hash_report?: "on" | "off" | boolean | null;
  readonly host?: DomainDriverHost | null;
  readonly guest?: DomainDriverGuest | null;
}
export interface DomainFilterref {
  readonly filter?: Text | null;
  readonly parameter?: Many<DomainParameter>;
}
export interface DomainTune {
  readonly sndbuf?: Text | null;
}
export interface DomainRom {
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly bar?: "on" | "off" | boolean | null;
  readonly file?: Text | null;
}
export interface DomainTeaming {
  readonly type?: "persistent" | "transient" | null;
  readonly persistent?: Text | null;
}
export interface DomainInputDriver {
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
}
export interface DomainInputSource {
  readonly evdev?: Text | null;
  readonly dev?: Text | null;
  readonly grab?: "all" | null;
  readonly grabToggle?: "ctrl-ctrl" | "alt-alt" | "shift-shift" | "meta-meta" | "scrolllock" | "ctrl-scrolllock" | null;
  readonly repeat?: "on" | "off" | boolean | null;
}
export interface DomainSoundAudio {
  readonly id?: Text | null;
}
export interface DomainCodec {
  readonly type?: "duplex" | "micro" | "output" | null;
}
export interface DomainAudioInput {
  readonly mixingEngine?: "yes" | "no" | boolean | null;
  readonly fixedSettings?: "yes" | "no" | boolean | null;
  readonly voices?: Text | null;
  readonly bufferLength?: Text | null;
  readonly dev?: Text | null;
  readonly bufferCount?: Text | null;
  readonly serverName?: Text | null;
  readonly clientName?: Text | null;
  readonly connectPorts?: Text | null;
  readonly exactName?: "yes" | "no" | boolean | null;
  readonly tryPoll?: "yes" | "no" | boolean | null;
  readonly name?: Text | null;
  readonly streamName?: Text | null;
  readonly latency?: Text | null;
  readonly settings?: DomainSettings | null;
}
export interface DomainHostdevDriver {
  readonly name?: "kvm" | "vfio" | "xen" | null;
  /** Not known to libvirt 9.0.0. */
  readonly model?: Text | null;
  /** Needs libvirt 12.1.0. */
  readonly iommufd?: "yes" | "no" | boolean | null;
}
export interface DomainHostdevSource {
  readonly startupPolicy?: "mandatory" | "requisite" | "optional" | null;
  readonly writeFiltering?: "yes" | "no" | boolean | null;
  readonly guestReset?: "off" | "uninitialized" | "on" | boolean | null;
  readonly protocol?: "adapter" | "iscsi" | "vhost" | null;
  readonly name?: Text | null;
  readonly wwpn?: Text | null;
  readonly address?: DomainHostdevSourceAddress | null;
  readonly vendor?: DomainVendor | null;
  readonly product?: DomainVendor | null;
  readonly adapter?: PoolAdapter | null;
  readonly host?: Many<DomainSourceHost>;
  readonly auth?: DomainAuth | null;
  readonly initiator?: PoolInitiator | null;
  readonly block?: Text | null;
  readonly char?: Text | null;
  readonly interface?: Text | null;
}
export interface DomainGl {
  readonly enable?: "yes" | "no" | boolean | null;
  readonly rendernode?: Text | null;
}
export interface DomainListen {
  readonly type?: "address" | "network" | "socket" | "none" | null;
  readonly address?: Text | null;
  readonly network?: Text | null;
  readonly socket?: Text | null;
}
export interface DomainGraphicsChannel {
  readonly name?: "main" | "display" | "inputs" | "cursor" | "playback" | "record" | "smartcard" | "usbredir" | null;
  readonly mode?: "any" | "secure" | "insecure" | null;
}
export interface DomainImage {
  readonly compression?: "auto_glz" | "auto_lz" | "quic" | "glz" | "lz" | "off" | boolean | null;
}
export interface DomainJpeg {
  readonly compression?: "auto" | "never" | "always" | null;
}
export interface DomainPlayback {
  readonly compression?: "on" | "off" | boolean | null;
}
export interface DomainStreaming {
  readonly mode?: "filter" | "all" | "off" | boolean | null;
}
export interface DomainClipboard {
  readonly copypaste?: "yes" | "no" | boolean | null;
}
export interface DomainMouse {
  readonly mode?: "server" | "client" | null;
}
export interface DomainFiletransfer {
  readonly enable?: "yes" | "no" | boolean | null;
}
export interface DomainVideoDriver {
  readonly iommu?: "on" | "off" | boolean | null;
  readonly ats?: "on" | "off" | boolean | null;
  readonly packed?: "on" | "off" | boolean | null;
  readonly page_per_vq?: "on" | "off" | boolean | null;
  readonly name?: "qemu" | "vhostuser" | null;
  readonly vgaconf?: "io" | "on" | "off" | boolean | null;
}
export interface DomainVideoModel {
  readonly type?: "vga" | "cirrus" | "vmvga" | "xen" | "vbox" | "virtio" | "gop" | "none" | "bochs" | "ramfb" | "qxl" | null;
  readonly ram?: Text | null;
  readonly vgamem?: Text | null;
  readonly vram64?: Text | null;
  readonly vram?: Text | null;
  readonly heads?: Text | null;
  readonly primary?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly blob?: "on" | "off" | boolean | null;
  /** Needs libvirt 11.7.0. */
  readonly edid?: Text | null;
  /** Needs libvirt 12.5.0. */
  readonly device?: Text | null;
  readonly acceleration?: DomainAcceleration | null;
  readonly resolution?: DomainResolution | null;
}
export interface DomainConsoleSource {
  readonly mode?: Text | null;
  readonly path?: Text | null;
  readonly host?: Text | null;
  readonly service?: Text | null;
  readonly channel?: Text | null;
  readonly master?: Text | null;
  readonly slave?: Text | null;
  readonly append?: "on" | "off" | boolean | null;
  readonly tls?: "yes" | "no" | boolean | null;
  readonly reconnect?: DomainReconnect | null;
  readonly seclabel?: Many<DomainSourceSeclabel>;
  readonly clipboard?: DomainClipboard | null;
  readonly mouse?: DomainMouse | null;
}
export interface DomainProtocol {
  readonly type?: "raw" | "telnet" | "telnets" | "tls" | null;
}
export interface DomainLog {
  readonly file?: Text | null;
  readonly append?: "on" | "off" | boolean | null;
}
export interface DomainConsoleTarget {
  readonly type?: "xen" | "serial" | "uml" | "virtio" | "lxc" | "openvz" | "sclp" | "sclplm" | "isa-serial" | "usb-serial" | "pci-serial" | "spapr-vio-serial" | "system-serial" | "sclp-serial" | "isa-debug" | null;
  readonly port?: Text | null;
  readonly model?: DomainTargetModel | null;
}
export interface DomainChannelTarget {
  readonly type?: "guestfwd" | "virtio" | "xen" | null;
  readonly address?: Text | null;
  readonly port?: Text | null;
  readonly name?: Text | null;
  readonly state?: "connected" | "disconnected" | null;
}
export interface DomainUsbdev {
  readonly allow?: "yes" | "no" | boolean | null;
  readonly class?: Text | null;
  readonly vendor?: Text | null;
  readonly product?: Text | null;
  readonly version?: Text | null;
}
export interface DomainRngBackend {
  readonly model?: "random" | "egd" | "builtin" | null;
  readonly type?: "dev" | "file" | "pipe" | "unix" | "tcp" | "udp" | "null" | "stdio" | "vc" | "pty" | "spicevmc" | "spiceport" | "nmdm" | "qemu-vdagent" | "dbus" | null;
  readonly value?: Text | null;
  readonly source?: Many<DomainConsoleSource>;
  readonly protocol?: DomainProtocol | null;
  readonly log?: DomainLog | null;
}
export interface DomainRate {
  readonly bytes?: Text | null;
  readonly period?: Text | null;
}
export interface DomainTpmBackend {
  readonly type?: "passthrough" | "emulator" | "external" | null;
  readonly persistent_state?: "yes" | "no" | boolean | null;
  /** Not known to libvirt 9.0.0. */
  readonly debug?: Text | null;
  readonly version?: "1.2" | "2.0" | null;
  readonly device?: DomainBackendDevice | null;
  readonly encryption?: DomainEncryption | null;
  readonly active_pcr_banks?: DomainActivePcrBanks | null;
  readonly source?: DomainBackendSource | null;
  /** Not known to libvirt 9.0.0. */
  readonly profile?: DomainProfile | null;
}
export interface DomainShmemModel {
  readonly type?: "ivshmem" | "ivshmem-plain" | "ivshmem-doorbell" | null;
}
export interface DomainServer {
  readonly path?: Text | null;
}
export interface DomainMsi {
  readonly ioeventfd?: "on" | "off" | boolean | null;
  readonly vectors?: Text | null;
}
export interface DomainMemorySource {
  readonly pagesize?: DomainCurrentMemory | Text | null;
  readonly nodemask?: Text | null;
  readonly path?: Text | null;
  readonly alignsize?: DomainCurrentMemory | Text | null;
  readonly pmem?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainMemoryTarget {
  /** Not known to libvirt 9.0.0. */
  readonly dynamicMemslots?: "yes" | "no" | boolean | null;
  readonly size?: DomainCurrentMemory | Text | null;
  readonly node?: Text | null;
  readonly block?: DomainCurrentMemory | Text | null;
  readonly requested?: DomainCurrentMemory | Text | null;
  readonly current?: DomainCurrentMemory | Text | null;
  readonly label?: DomainLabel | null;
  readonly readonly?: boolean | Readonly<Record<string, never>> | null;
  /** Not known to libvirt 9.0.0. */
  readonly address?: DomainTargetAddress | null;
}
export interface DomainCryptoBackend {
  readonly model?: "builtin" | "lkcf" | null;
  readonly queues?: Text | null;
}
export interface DomainStats {
  readonly period?: Text | null;
}
export interface DomainIommuDriver {
  readonly intremap?: "on" | "off" | boolean | null;
  readonly caching_mode?: "on" | "off" | boolean | null;
  readonly eim?: "on" | "off" | boolean | null;
  readonly iotlb?: "on" | "off" | boolean | null;
  readonly aw_bits?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly dma_translation?: "on" | "off" | boolean | null;
  /** Needs libvirt 11.5.0. */
  readonly passthrough?: "on" | "off" | boolean | null;
  /** Needs libvirt 11.5.0. */
  readonly xtsup?: "on" | "off" | boolean | null;
  /** Needs libvirt 11.10.0. */
  readonly pciBus?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly accel?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly cmdqv?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly ats?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly ril?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly ssidsize?: Text | null;
  /** Needs libvirt 12.6.0. */
  readonly oas?: Text | null;
  /** Needs libvirt 12.1.0. */
  readonly granule?: DomainGranule | null;
}
export interface DomainCid {
  readonly auto?: "yes" | "no" | boolean | null;
  readonly address?: Text | null;
}
export interface DomainFrontend {
  readonly property?: Many<DomainProperty>;
}
export interface NetworkNatAddress {
  readonly start?: Text | null;
  readonly end?: Text | null;
}
export interface NetworkNatPort {
  readonly start?: Text | null;
  readonly end?: Text | null;
}
export interface NetworkRange {
  readonly start?: Text | null;
  readonly end?: Text | null;
  readonly lease?: NetworkLease | null;
}
export interface NetworkDhcpHost {
  readonly mac?: Text | null;
  readonly id?: Text | null;
  readonly name?: Text | null;
  readonly ip?: Text | null;
  readonly lease?: NetworkLease | null;
}
export interface NetworkBootp {
  readonly file?: Text | null;
  readonly server?: Text | null;
}
export interface PoolFreeExtent {
  readonly start?: Text | null;
  readonly end?: Text | null;
}
export interface PoolSecret {
  readonly uuid?: Text | null;
  readonly usage?: Text | null;
}
export interface PoolParentaddr {
  readonly unique_id?: Text | null;
  readonly address?: DomainSourceAddress | null;
}
export interface VolumeSecret {
  readonly type?: "passphrase" | null;
  readonly uuid?: Text | null;
  readonly usage?: Text | null;
}
export interface VolumeCipher {
  readonly name?: Text | null;
  readonly size?: Text | null;
  readonly mode?: Text | null;
  readonly hash?: Text | null;
}
export interface VolumeIvgen {
  readonly name?: Text | null;
  readonly hash?: Text | null;
}
export interface DomainDistances {
  readonly sibling?: Many<DomainSibling>;
}
export interface DomainCellCache {
  readonly level?: Text | null;
  readonly associativity?: "none" | "direct" | "full" | null;
  readonly policy?: "none" | "writeback" | "writethrough" | null;
  readonly size?: DomainSize | null;
  readonly line?: DomainSize | null;
}
export interface DomainLatency {
  readonly initiator?: Text | null;
  readonly target?: Text | null;
  readonly cache?: Text | null;
  readonly type?: "access" | "read" | "write" | null;
  readonly value?: Text | null;
}
export interface DomainBandwidth {
  readonly initiator?: Text | null;
  readonly target?: Text | null;
  readonly cache?: Text | null;
  readonly type?: "access" | "read" | "write" | null;
  readonly value?: Text | null;
  readonly unit?: Text | null;
}
export interface DomainSlices {
  readonly slice?: DomainSlice | null;
}
export interface DomainDataStore {
  readonly type?: "file" | "block" | "dir" | "network" | "volume" | "nvme" | "vhostuser" | "vhostvdpa" | null;
  readonly format?: DomainFormat | null;
  readonly source?: DomainDataStoreSource | null;
}
export interface DomainSourceSeclabel {
  readonly model?: Text | null;
  readonly relabel?: "no" | "yes" | boolean | null;
  readonly labelskip?: "yes" | boolean | null;
  readonly label?: Many<Text>;
}
export interface DomainReservations {
  readonly managed?: "yes" | "no" | boolean | null;
  /** Needs libvirt 12.0.0. */
  readonly enabled?: "yes" | "no" | boolean | null;
  /** Needs libvirt 12.0.0. */
  readonly migration?: Text | null;
  readonly source?: DomainReservationsSource | null;
}
export interface DomainHost {
  readonly transport?: "tcp" | "rdma" | "unix" | null;
  readonly name?: Text | null;
  readonly port?: Text | null;
  readonly socket?: Text | null;
}
export interface DomainReconnect {
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly timeout?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly delay?: Text | null;
}
export interface DomainSnapshot {
  readonly name?: Text | null;
}
export interface DomainConfig {
  readonly file?: Text | null;
}
export interface DomainCookies {
  readonly cookie?: Many<DomainCookie | Text>;
}
export interface DomainReadahead {
  readonly size?: Text | null;
}
export interface DomainTimeout {
  readonly seconds?: Text | null;
}
export interface DomainSsl {
  readonly verify?: "yes" | "no" | boolean | null;
}
export interface DomainKnownHosts {
  readonly path?: Text | null;
}
export interface DomainIdentity {
  /** Not known to libvirt 9.0.0. */
  readonly username?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly keyfile?: Text | null;
  /** Not known to libvirt 9.0.0. */
  readonly agentsock?: Text | null;
  readonly user?: Text | null;
  readonly group?: Text | null;
}
export interface DomainSourceAddress {
  readonly domain?: Text | null;
  readonly bus?: Text | null;
  readonly slot?: Text | null;
  readonly function?: Text | null;
  readonly multifunction?: "on" | "off" | boolean | null;
}
export interface DomainMetadataCache {
  readonly max_size?: DomainCurrentMemory | Text | null;
}
export interface DomainIothreads {
  readonly iothread?: Many<DomainIothreadsIothread>;
}
export interface DomainStatistics {
  readonly statistic?: Many<DomainStatistic>;
  /** Needs libvirt 12.1.0. */
  readonly "latency-histogram"?: Many<DomainLatencyHistogram>;
}
export interface DomainFormat {
  readonly type?: "raw" | "dir" | "bochs" | "cloop" | "dmg" | "iso" | "vpc" | "vdi" | "fat" | "vhd" | "ploop" | "luks" | "cow" | "qcow" | "qcow2" | "qed" | "vmdk" | null;
  readonly metadata_cache?: DomainMetadataCache | null;
}
export interface DomainSecret {
  readonly type?: "ceph" | "iscsi" | null;
  readonly uuid?: Text | null;
  readonly usage?: Text | null;
}
export interface DomainThrottlefilter {
  readonly group?: Text | null;
}
export interface DomainZpci {
  readonly uid?: Text | null;
  readonly fid?: Text | null;
}
export interface DomainBinaryCache {
  readonly mode?: "none" | "always" | null;
}
export interface DomainSandbox {
  readonly mode?: "namespace" | "chroot" | null;
}
export interface DomainLock {
  readonly posix?: "on" | "off" | boolean | null;
  readonly flock?: "on" | "off" | boolean | null;
}
export interface DomainThreadPool {
  readonly size?: Text | null;
}
export interface DomainOpenfiles {
  readonly max?: Text | null;
}
export interface DomainLocal {
  readonly address?: Text | null;
  readonly port?: Text | null;
}
export interface DomainVendor {
  readonly id?: Text | null;
}
export interface DomainInterfaceSourceAddress {
  readonly bus?: Text | null;
  readonly device?: Text | null;
  readonly type?: "pci" | "usb" | null;
  readonly domain?: Text | null;
  readonly slot?: Text | null;
  readonly function?: Text | null;
  readonly multifunction?: "on" | "off" | boolean | null;
}
export interface DomainRx {
  readonly frames?: DomainFrames | null;
}
export interface DomainRange {
  readonly start?: Text | null;
  readonly end?: Text | null;
  readonly to?: Text | null;
  readonly exclude?: "yes" | "no" | boolean | null;
}
export interface DomainDriverHost {
  readonly csum?: "on" | "off" | boolean | null;
  readonly gso?: "on" | "off" | boolean | null;
  readonly tso4?: "on" | "off" | boolean | null;
  readonly tso6?: "on" | "off" | boolean | null;
  readonly ecn?: "on" | "off" | boolean | null;
  readonly ufo?: "on" | "off" | boolean | null;
  readonly mrg_rxbuf?: "on" | "off" | boolean | null;
}
export interface DomainDriverGuest {
  readonly csum?: "on" | "off" | boolean | null;
  readonly tso4?: "on" | "off" | boolean | null;
  readonly tso6?: "on" | "off" | boolean | null;
  readonly ecn?: "on" | "off" | boolean | null;
  readonly ufo?: "on" | "off" | boolean | null;
}
export interface DomainParameter {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface DomainSettings {
  readonly frequency?: Text | null;
  readonly channels?: Text | null;
  readonly format?: "s8" | "u8" | "s16" | "u16" | "s32" | "u32" | "f32" | null;
}
export interface DomainHostdevSourceAddress {
  readonly domain?: Text | null;
  readonly bus?: Text | null;
  readonly slot?: Text | null;
  readonly function?: Text | null;
  readonly multifunction?: "on" | "off" | boolean | null;
  readonly device?: Text | null;
  readonly target?: Text | null;
  readonly unit?: Text | null;
  readonly uuid?: Text | null;
}
export interface DomainSourceHost {
  readonly name?: Text | null;
  readonly port?: Text | null;
}
export interface DomainAcceleration {
  readonly accel3d?: "yes" | "no" | boolean | null;
  readonly accel2d?: "yes" | "no" | boolean | null;
  readonly rendernode?: Text | null;
}
export interface DomainResolution {
  readonly x?: Text | null;
  readonly y?: Text | null;
}
export interface DomainTargetModel {
  readonly name?: "isa-serial" | "usb-serial" | "pci-serial" | "spapr-vty" | "pl011" | "16550a" | "sclpconsole" | "sclplmconsole" | "isa-debugcon" | null;
}
export interface DomainBackendDevice {
  readonly path?: Text | null;
}
export interface DomainEncryption {
  readonly secret?: Text | null;
}
export interface DomainActivePcrBanks {
  readonly sha1?: boolean | Readonly<Record<string, never>> | null;
  readonly sha256?: boolean | Readonly<Record<string, never>> | null;
  readonly sha384?: boolean | Readonly<Record<string, never>> | null;
  readonly sha512?: boolean | Readonly<Record<string, never>> | null;
}
export interface DomainBackendSource {
  readonly type?: "file" | "dir" | "unix" | null;
  readonly path?: Text | null;
  readonly mode?: "connect" | null;
}
export interface DomainProfile {
  readonly source?: Text | null;
  readonly removeDisabled?: "check" | "fips-host" | null;
  readonly name?: Text | null;
}
export interface DomainLabel {
  readonly size?: DomainCurrentMemory | Text | null;
}
export interface DomainTargetAddress {
  readonly base?: Text | null;
}
export interface DomainGranule {
  readonly size?: Text | null;
  readonly unit?: Text | null;
  readonly mode?: Text | null;
}
export interface DomainProperty {
  readonly name?: Text | null;
  readonly type?: "string" | "signed" | "unsigned" | "bool" | "remove" | null;
  readonly value?: Text | null;
}
export interface NetworkLease {
  readonly expiry?: Text | null;
  readonly unit?: "seconds" | "minutes" | "hours" | null;
}
export interface DomainSibling {
  readonly id?: Text | null;
  readonly value?: Text | null;
}
export interface DomainSize {
  readonly value?: Text | null;
  readonly unit?: Text | null;
}
export interface DomainSlice {
  readonly type?: "storage" | null;
  readonly offset?: Text | null;
  readonly size?: Text | null;
}
export interface DomainDataStoreSource {
  readonly file?: Text | null;
  readonly fdgroup?: Text | null;
  readonly index?: Text | null;
  readonly startupPolicy?: "mandatory" | "requisite" | "optional" | null;
  readonly dev?: Text | null;
  readonly dir?: Text | null;
  readonly protocol?: "nbd" | "gluster" | "rbd" | "iscsi" | "http" | "https" | "ftps" | "ftp" | "ssh" | "sheepdog" | "tftp" | "vxhs" | "nfs" | null;
  readonly name?: Text | null;
  readonly tls?: "yes" | "no" | boolean | null;
  readonly tlsHostname?: Text | null;
  readonly query?: Text | null;
  readonly pool?: Text | null;
  readonly volume?: Text | null;
  readonly mode?: "host" | "direct" | null;
  readonly type?: "pci" | "unix" | null;
  readonly namespace?: Text | null;
  readonly managed?: "yes" | "no" | boolean | null;
  readonly path?: Text | null;
  readonly slices?: DomainSlices | null;
  readonly dataStore?: DomainDataStore | null;
  readonly privateData?: boolean | Readonly<Record<string, never>> | null;
  readonly encryption?: DomainSourceEncryption | null;
  readonly seclabel?: Many<DomainSourceSeclabel>;
  readonly reservations?: DomainSourceReservations | null;
  readonly host?: Many<DomainHost>;
  readonly reconnect?: DomainSourceReconnect | null;
  readonly snapshot?: DomainSnapshot | null;
  readonly config?: DomainConfig | null;
  readonly auth?: DomainAuth | null;
  readonly initiator?: PoolInitiator | null;
  readonly cookies?: DomainCookies | null;
  readonly readahead?: DomainReadahead | null;
  readonly timeout?: DomainTimeout | null;
  readonly ssl?: DomainSsl | null;
  readonly knownHosts?: DomainKnownHosts | null;
  readonly identity?: DomainSourceIdentity | null;
  readonly address?: DomainSourceAddress | null;
}
export interface DomainReservationsSource {
  readonly type?: "unix" | null;
  readonly path?: Text | null;
  readonly mode?: "server" | "client" | null;
  readonly reconnect?: DomainReconnect | null;
}
export interface DomainCookie {
  readonly name?: Text | null;
  readonly value?: Text | null;
}
export interface DomainIothreadsIothread {
  readonly id?: Text | null;
  readonly queue?: Many<DomainQueue>;
}
export interface DomainStatistic {
  readonly interval?: Text | null;
}
export interface DomainLatencyHistogram {
  readonly type?: Text | null;
  readonly bin?: Many<DomainBin>;
}
export interface DomainFrames {
  readonly max?: Text | null;
}
export interface DomainSourceEncryption {
  readonly format?: "default" | "qcow" | "luks" | "luks2" | "luks-any" | null;
  readonly engine?: "qemu" | "librbd" | null;
  readonly secret?: Many<VolumeSecret>;
  readonly cipher?: VolumeCipher | null;
  readonly ivgen?: VolumeIvgen | null;
}
export interface DomainSourceReservations {
  readonly managed?: "yes" | "no" | boolean | null;
  /** Needs libvirt 12.0.0. */
  readonly enabled?: "yes" | "no" | boolean | null;
  /** Needs libvirt 12.0.0. */
  readonly migration?: Text | null;
  readonly source?: DomainSourceReservationsSource | null;
}
export interface DomainSourceReconnect {
  readonly enabled?: "yes" | "no" | boolean | null;
  readonly timeout?: Text | null;
  readonly delay?: Text | null;
}
export interface DomainSourceIdentity {
  readonly username?: Text | null;
  readonly keyfile?: Text | null;
  readonly agentsock?: Text | null;
  readonly user?: Text | null;
  readonly group?: Text | null;
}
export interface DomainQueue {
  readonly id?: Text | null;
}
export interface DomainBin {
  readonly start?: Text | null;
}
export interface DomainSourceReservationsSource {
  readonly type?: "unix" | null;
  readonly path?: Text | null;
  readonly mode?: "server" | "client" | null;
  readonly reconnect?: DomainSourceReconnect | null;
}
