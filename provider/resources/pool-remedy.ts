import type { PoolReference } from "./pool-reference";
import { remedyIn } from "./remedies";
import { secretRemedies } from "./secret-remedy";

/**
 * What to do where an image of a pool ends within its header: libvirt (9.0 and 11.3) reads neither that volume nor, when
 * it looks at the pool anew, any other, stops the pool, and gives no reason. Undefined where it said something else.
 */
export function headerRemedy({ name, path }: Pick<PoolReference, "name" | "path">, said: string): string | undefined {
  if (!/the cause is unknown/.test(said)) return undefined;
  return `libvirt says that of an image which ends within its header, as one does whose upload or copy was cut off: find it on the host (find ${path} -maxdepth 1 -type f -size -100c), move it out of there, start the pool where libvirt has stopped it (virsh pool-start ${name}), then run pulumi again`;
}

/** What to do where a pool does not make or show a volume, by what libvirt said of it. */
export function poolRemedy(reference: Pick<PoolReference, "name" | "path">, said: string): string {
  const pool = reference.name;
  const header = headerRemedy(reference, said);
  if (header !== undefined) return header;
  if (/is not active/.test(said)) {
    return `start the pool, virsh pool-start ${pool} on the host; or run pulumi refresh, which sees that a pool of this program is stopped even where it fails for the volumes, then a plain pulumi up, which starts it`;
  }
  if (/no storage pool with/.test(said)) {
    return "the pool is gone, its files are not: make it anew in the program that made it, or take a volume that is not needed any more out of the state (pulumi state delete)";
  }
  if (/cannot open directory/.test(said)) {
    return `see that what pool ${pool} lies on is mounted on the host, then start the pool, virsh pool-start ${pool}: libvirt stopped it`;
  }
  if (/Read-only file system|Permission denied/.test(said)) {
    return `see that the host may write to the place of pool ${pool} (virsh pool-dumpxml ${pool} names it)`;
  }
  if (/too large|overflow/.test(said)) {
    return `choose a smaller size: the file system of pool ${pool} has no files of this one`;
  }
  if (/No space left|insufficient free space/i.test(said)) {
    return `make room in pool ${pool} (virsh pool-info shows it), or take another one`;
  }
  const giveSecret = remedyIn(secretRemedies, said);
  if (giveSecret !== undefined) return giveSecret;
  if (/<secret type='passphrase'|encrypted image is not supported|luks encryption is supported/.test(said)) {
    return 'correct target.encryption of the overlay: { format: "luks", secret: { type: "passphrase", uuid } }, with the uuid of a secret that the host has (virsh secret-list)';
  }
  if (/Unable to get accurate CPU usage/.test(said)) {
    return "run pulumi up again: QEMU times its hash of the passphrase, and the host's clock of CPU time, which is coarse, saw none pass";
  }
  if (/Child process \(/.test(said)) {
    return "run that command on the host to see what it lacks: libvirt makes volumes of this pool with it";
  }
  return `see whether pool ${pool} exists and is active (virsh pool-list --all)`;
}
