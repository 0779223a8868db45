#!/bin/sh
# Shows a lab host two NUMA cells with one CPU each, by a copy of sysfs's folder of nodes that is bound over it. The
# counts of 2 MiB pages are numbers that this network namespace keeps and nobody needs: what is written there is read
# back with a line break, as from sysfs, and no page of the machine moves. libvirtd has to be started anew to see it all.
# Discovery only: the kernel binds nothing to the second cell.
set -eu
nodes=/sys/devices/system/node
copy=/var/lib/libvirt/fake-numa
rm -rf $copy
mkdir -p $copy
cp -r --no-preserve=all $nodes/node0 $copy/ 2>/dev/null || true
rm -f $copy/node0/cpu?
cp -r $copy/node0 $copy/node1
for cell in 0 1; do
  echo $cell >$copy/node$cell/cpulist
  printf '%x\n' $((1 << cell)) >$copy/node$cell/cpumap
  [ $cell = 0 ] && echo "10 21" >$copy/node$cell/distance || echo "21 10" >$copy/node$cell/distance
  sed -i "s/^Node 0/Node $cell/" $copy/node$cell/meminfo
  mkdir -p $copy/node$cell/cpu$cell
done
for file in online possible has_cpu has_memory has_normal_memory; do echo 0-1 >$copy/$file; done
mount --bind $copy $nodes
for pool in node0:igmp_max_memberships node1:igmp_max_msf; do
  number=/proc/sys/net/ipv4/${pool#*:}
  echo 0 >$number
  mount --bind $number $nodes/${pool%:*}/hugepages/hugepages-2048kB/nr_hugepages
done
