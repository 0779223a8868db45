import type { Context } from "../../core/handler";
import { Identity } from "../../core/identity";
import type { Libvirt } from "../../libvirt/api";
import { unlessRefused } from "../failure";
import { dropNote, readNote, writeNote } from "../host-note";
import type { Ksm } from "./ksm";
import type { AddedPages } from "./page-plan";

/** What a machine had before, and which pages are its Host's: what is given back with it. */
export interface Former {
  readonly addedPages: readonly AddedPages[];
  readonly ksmBefore?: Ksm;
}

/**
 * What the machine had is written down there before it is changed, and taken away when the state can tell it: a provider
 * that is killed in between leaves a state which does not. The note is gone with the machine's own values when that is
 * started anew. A daemon without secrets keeps none.
 */
export class Journal {
  private readonly note: { readonly uuid: string; readonly usage: string } | undefined;
  private isThere = false;

  constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
    { meta }: Context,
  ) {
    const uuid = meta && new Identity(meta).uuid;
    this.note = uuid === undefined ? undefined : { uuid, usage: `pulumi-kvm.host.${uuid}` };
  }

  /** What the state knows, and what a run has left here that ended before it could tell. */
  async joined({ addedPages, ksmBefore }: Former): Promise<Former> {
    const left = await this.read();
    if (left === undefined) return { addedPages, ...(ksmBefore && { ksmBefore }) };
    const isLeft = (pool: AddedPages) =>
      left.addedPages.some(({ cell, size }) => cell === pool.cell && size === pool.size);
    return {
      addedPages: [...addedPages.filter((pool) => !isLeft(pool)), ...left.addedPages],
      ksmBefore: { ...left.ksmBefore, ...ksmBefore },
    };
  }

  async write(former: Former): Promise<void> {
    const { note, libvirt } = this;
    if (!note) return;
    await this.ifKept("write down", () => writeNote(libvirt, { ...note, text: JSON.stringify(former) }));
    this.isThere = true;
  }

  /** One that cannot be taken away says at the next run what the state says by then. */
  async drop(): Promise<void> {
    if (this.note && this.isThere) await dropNote(this.libvirt, this.note).catch(() => undefined);
  }

  private async read(): Promise<Former | undefined> {
    const { note, libvirt } = this;
    const found = note && (await this.ifKept("look for", () => readNote(libvirt, note.usage)));
    if (!found?.text) return undefined;
    this.isThere = true;
    return JSON.parse(found.text);
  }

  /** Undefined where the daemon has no such note, or keeps none. */
  private ifKept<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return unlessRefused({ step: `${what} what the machine had`, host: this.host }, work, () => undefined);
  }
}
