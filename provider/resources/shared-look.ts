import type { Libvirt } from "../libvirt/api";

/**
 * A look at a host that all share who ask for it, and that is never older than the question: who asks while one is under
 * way gets the next.
 */
export class SharedLook<T> {
  private readonly looks = new WeakMap<Libvirt, Look<T>>();

  constructor(private readonly look: (libvirt: Libvirt, host: string) => Promise<T>) {}

  ask(libvirt: Libvirt, host: string): Promise<T> {
    const under = this.looks.get(libvirt);
    if (!under) return this.begin(libvirt, host);
    under.next ??= under.over.then(() => this.begin(libvirt, host));
    return under.next;
  }

  private begin(libvirt: Libvirt, host: string): Promise<T> {
    const answer = this.look(libvirt, host);
    const over = answer
      .catch(() => undefined)
      .then(() => {
        if (!look.next) this.looks.delete(libvirt);
      });
    const look: Look<T> = { over, next: undefined };
    this.looks.set(libvirt, look);
    return answer;
  }
}

interface Look<T> {
  readonly over: Promise<void>;
  /** The look that begins when this one is over. */
  next: Promise<T> | undefined;
}
