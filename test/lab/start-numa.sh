#!/bin/sh
# Lets guests start whose memory is bound to the two cells that fake-numa.sh shows: the kernel has one, so QEMU is told
# node 0 where libvirt says node 1, and libvirt does without the cgroup that would confine the memory. Everything else is
# as on a real host: pins, the guest's cells with their distances, and what libvirt takes of the definition.
set -eu
qemu=/usr/bin/qemu-system-x86_64
real=/var/lib/libvirt/qemu-real
touch $real
mount --bind $qemu $real
cat >/var/lib/libvirt/qemu-told <<'END'
#!/bin/bash
export QEMU_MODULE_DIR=/usr/lib/x86_64-linux-gnu/qemu
told=()
for word in "$@"; do told+=("${word//'"host-nodes":[1]'/'"host-nodes":[0]'}"); done
exec -a /usr/bin/qemu-system-x86_64 /var/lib/libvirt/qemu-real -L /usr/share/qemu -L /usr/share/seabios "${told[@]}"
END
chmod 755 /var/lib/libvirt/qemu-told
mount --bind /var/lib/libvirt/qemu-told $qemu
echo 'cgroup_controllers = [ "cpu", "devices", "memory", "blkio", "cpuacct" ]' >>/etc/libvirt/qemu.conf
