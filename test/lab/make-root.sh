#!/bin/bash
# Makes another root tree for hosts of the lab, with a newer libvirt and QEMU: make-root.sh SUITE FOLDER
# From the Debian mirror that this machine uses; nothing is installed on this machine. About a minute, 430 MB.
set -euo pipefail
suite=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 !~ /security|updates/ { print $1; exit }')
mkdir -m 777 "$work/download"
(cd "$work/download" && apt-get -qq download debootstrap)
dpkg -x "$work"/download/debootstrap_*.deb "$work/tools"

rm -rf "$root.new"
mkdir -p "$root.new"
DEBOOTSTRAP_DIR=$work/tools/usr/share/debootstrap \
  unshare -m "$work/tools/usr/sbin/debootstrap" --variant=minbase "$suite" "$root.new" "$mirror"
cp /etc/resolv.conf "$root.new/etc/"
printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
chmod +x "$root.new/usr/sbin/policy-rc.d"
unshare -m -p -f chroot "$root.new" sh -ec '
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t tmpfs tmpfs /run
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -y --no-install-recommends install libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-daemon-lock libvirt-clients \
    qemu-system-x86 qemu-utils openssh-server dnsmasq-base iptables nftables ovmf swtpm swtpm-tools iproute2 socat \
    procps parted lvm2 virtiofsd netcat-openbsd passt
'
rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/usr/share/{doc,locale} "$root.new"/var/lib/apt/lists/*
rm -rf "$root"
mv "$root.new" "$root"
