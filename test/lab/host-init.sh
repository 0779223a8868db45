#!/bin/bash
# First process of one lab host, in namespaces of its own. Arguments: folder of the lab, folder of this host, its
# number, the root tree that it shows (empty: the machine's own), the cgroup v1 controllers ("v2" on a unified tree).
set -eu
lab=$1 home=$2 number=$3 root=$4 controllers=$5
new=$home/newroot
address=10.77.0.$number

mount --make-rprivate /

# An overlay over the root tree: whatever the host writes stays in it.
mount -t tmpfs -o mode=755 overlay "$home/overlay"
mkdir "$home"/overlay/{upper,work,dev-upper,dev-work}
mount -t overlay -o "lowerdir=$root/,upperdir=$home/overlay/upper,workdir=$home/overlay/work" root "$new"
mkdir -p "$new"/{proc,sys,dev}
mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"

if [ "$controllers" = v2 ]; then
  mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
  # Only a cgroup without processes of its own can hand controllers on to those of the guests.
  echo $$ >"$new/sys/fs/cgroup/init/cgroup.procs"
  for controller in $(cat "$new/sys/fs/cgroup/cgroup.controllers"); do
    echo "+$controller" >"$new/sys/fs/cgroup/cgroup.subtree_control" || true
  done
else
  mount -t tmpfs -o mode=755 cgroup "$new/sys/fs/cgroup"
  for controller in $controllers; do
    mkdir "$new/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "$new/sys/fs/cgroup/$controller"
  done
fi

mount -t overlay -o "lowerdir=/dev,upperdir=$home/overlay/dev-upper,workdir=$home/overlay/dev-work" dev "$new/dev"
mkdir -p "$new$lab"
mount --bind "$lab" "$new$lab"
# On the disk, not in memory: O_DIRECT works there, and tests read sockets and logs by their path.
for path in run etc/libvirt etc/ssh etc/hosts etc/hostname etc/machine-id var/lib/libvirt var/log/libvirt var/cache/libvirt root/.ssh srv; do
  if [ -d "$home/$path" ]; then mkdir -p "$new/$path"; else touch "$new/$path"; fi
  mount --bind "$home/$path" "$new/$path"
done

mkdir -p "$new/.old"
pivot_root "$new" "$new/.old"
cd /
umount -l /.old

# What the machine's own shells load may take its time, or wait for a lock that somebody was killed with.
rm -f /root/.bashrc /root/.bash_profile /root/.profile

# Root may open /dev/kvm but the user of QEMU may not: libvirt would probe QEMU anew at every define.
rm -f /dev/kvm
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t hugetlbfs -o mode=1770,gid=kvm hugetlbfs /dev/hugepages || true
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mount --bind /dev/pts/ptmx /dev/ptmx

hostname "host$number.lab"
ip link set lo up
for _ in $(seq 500); do ip link show eth0 >/dev/null 2>&1 && break; sleep 0.02; done
ip link add br0 type bridge
# A fixed address: else a tap with a lower one changes it, and TCP between hosts stalls.
ip link set br0 address "02:77:00:00:00:0$number"
ip link set eth0 master br0 up
ip addr add "$address/24" dev br0
ip link set br0 up
ip route add default via 10.77.0.254
sysctl -qw net.ipv4.ip_forward=1

# No udev here: what libvirt waits for with `udevadm settle`, the nodes of loop partitions, is made by this.
cat >/usr/bin/udevadm <<'SCRIPT'
#!/bin/sh
for entry in /sys/class/block/loop*p*; do
  node=/dev/${entry##*/}
  [ -e "$entry/dev" ] && [ ! -b "$node" ] && mknod -m 600 "$node" b $(tr : ' ' <"$entry/dev")
done
for node in /dev/loop*p*; do
  [ -e "/sys/class/block/${node##*/}" ] || rm -f "$node"
done
exit 0
SCRIPT
chmod +x /usr/bin/udevadm

# Kernels without sfq, police and fw cannot do libvirt's <bandwidth>: these calls are written down instead of done.
if ! tc qdisc add dev lo root sfq 2>/dev/null; then
  tc=$(readlink -f "$(command -v tc)")
  cp "$tc" /usr/lib/lab-tc
  rm "$tc"
  cat >"$tc" <<'SCRIPT'
#!/bin/bash
echo "$*" >>/var/log/tc.log
case " $* " in
  *" police "* | *" fw "*) exit 0 ;;
  *" sfq perturb 10 "*) words="$*"; set -- ${words/sfq perturb 10/pfifo limit 127} ;;
esac
exec /usr/lib/lab-tc "$@"
SCRIPT
  chmod +x "$tc"
else
  tc qdisc del dev lo root
fi

/usr/sbin/sshd
virtlogd -d
virtlockd -d
libvirtd -d --listen
touch /run/ready
trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait $!
done
