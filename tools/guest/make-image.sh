#!/bin/bash
# Builds the test guest from Debian's packages: a kernel and a busybox initramfs, also as a bootable disk image.
#   make-image.sh FOLDER [KERNEL]   leaves vmlinuz, initrd.gz and guest.qcow2 there
# KERNEL is the package of a kernel; the default, that of the clouds, is small and knows virtio alone. With another one
# the guest drives shares, fw_cfg and a watchdog as well, which the default must not wait for at each boot.
# No mount, no loop device. Everything is fetched by package name from the configured Debian mirror.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
flavour=${2:-linux-image-cloud-amd64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

kernel=$(apt-cache depends "$flavour" | awk '/Depends: linux-image/ { print $2; exit }')
chmod 755 . && mkdir -m 777 download && (cd download && apt-get -qq download "$kernel" qemu-guest-agent >/dev/null)
for package in download/*.deb; do dpkg -x "$package" files; done
version=$(basename files/lib/modules/*)

wanted="virtio_pci virtio_net virtio_blk virtio_scsi sd_mod sr_mod virtio_balloon virtio_mem virtio_console virtio-rng button evdev isofs ahci ata_piix e1000 e1000e efivarfs"
[ $# -lt 2 ] || wanted="$wanted 9p 9pnet_virtio virtiofs qemu_fw_cfg i6300esb"
depmod -b files "$version"

guest=initramfs
mkdir -p $guest/{bin,dev,proc,sys,tmp,run,mnt,etc,modules}
cp "$(command -v busybox)" $guest/bin/busybox
for applet in $(busybox --list | grep -vx busybox); do ln -s busybox "$guest/bin/$applet"; done

: >$guest/modules/order
for module in $wanted; do
  # A module that this kernel was built without is a device that the guest does not drive.
  { modprobe -S "$version" -d "$work/files" --show-depends "$module" 2>/dev/null || true; } | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
  name=$(basename "$file" .ko)
  cp "$file" "$guest/modules/$name.ko"
  echo "$name" >>$guest/modules/order
done
[ -s $guest/modules/order ] || { echo "found no kernel modules in $kernel" >&2; exit 1; }

cp files/usr/sbin/qemu-ga $guest/bin/
ldd files/usr/sbin/qemu-ga | awk '/=> \// { print $3 } /^\t\/lib64/ { print $1 }' | while read -r library; do
  mkdir -p "$guest$(dirname "$library")"
  cp -Lu "$library" "$guest$library"
done
install -m 755 "$here/init" $guest/init
install -m 755 "$here/lease" $guest/lease
install -m 755 "$here/bench" $guest/bench
(cd $guest && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -n -6) >initrd.gz
cp "files/boot/vmlinuz-$version" vmlinuz

# One FAT partition with syslinux; boots with BIOS from virtio, sata and scsi.
truncate -s 48M disk.raw
printf 'label: dos\nstart=2048, type=c, bootable\n' | sfdisk -q disk.raw
mkfs.vfat --offset 2048 -n GUEST disk.raw >/dev/null
printf 'SERIAL 0\nPROMPT 0\nTIMEOUT 1\nDEFAULT guest\nLABEL guest\n  KERNEL vmlinuz\n  INITRD initrd.gz\n  APPEND console=ttyS0 quiet\n' >syslinux.cfg
mcopy -i disk.raw@@1M vmlinuz initrd.gz syslinux.cfg ::
syslinux --offset 1048576 --install disk.raw
dd if=/usr/lib/syslinux/mbr/mbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
qemu-img convert -O qcow2 -o compat=1.1 disk.raw guest.qcow2

mkdir -p "$out"
chmod 644 vmlinuz initrd.gz guest.qcow2
mv vmlinuz initrd.gz guest.qcow2 "$out/"
