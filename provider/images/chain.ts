import { ImageError } from "./image-error";

/** libvirt follows no longer chain. */
export const MAX_CHAIN = 200;

/**
 * Follows an image to its base.
 *
 * @param start canonical name of the top image: one image must have one name, or a cycle is found only by its length.
 * @param backingOf canonical name of the backing image of an image, undefined for a base.
 * @returns the names from the top image to the base.
 * @throws ImageError naming the images of a cycle, or a chain over {@link MAX_CHAIN}.
 */
export async function followChain(
  start: string,
  backingOf: (image: string) => Promise<string | undefined>,
): Promise<string[]> {
  const chain = [start];
  for (let next = await backingOf(start); next !== undefined; next = await backingOf(next)) {
    const seen = chain.indexOf(next);
    if (seen >= 0) {
      const cycle = [...chain.slice(seen), next].join(" -> ");
      throw new ImageError(
        "invalid",
        `the backing images form a cycle: ${cycle}`,
        "Give one of them another backing image.",
      );
    }
    chain.push(next);
    if (chain.length > MAX_CHAIN) {
      throw new ImageError(
        "invalid",
        `the backing chain of ${start} is longer than ${MAX_CHAIN} images`,
        "Flatten it: qemu-img rebase -b '' IMAGE, or virsh blockpull.",
      );
    }
  }
  return chain;
}
