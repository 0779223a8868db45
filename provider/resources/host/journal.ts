import type { Context } from "../../core/handler";
import { Identity } from "../../core/identity";
import type { Libvirt } from "../../libvirt/api";
import { LibvirtError } from "../../libvirt/errors";
import { parseAnswer } from "../../schema/answer";
import { child, element, render, textOf } from "../../schema/tree";
import { attempt } from "../failure";
import type { Ksm } from "./ksm";
import type { AddedPages } from "./page-plan";

/** virSecretUsageType: tls, whose usage is nothing but a name. */
const usageType = 4;

/** What a machine had before, and which pages are its Host's: what is given back with it. */
export interface Former {
  readonly addedPages: readonly AddedPages[];
  readonly ksmBefore?: Ksm;
}

/**
 * What the machine had is written down there before it is changed, and taken away when the state can tell it: a provider
 * that is killed in between leaves a state which does not. Like the lock of placement it is an ephemeral secret, which is
 * gone with the machine's own values when that is started anew. A daemon without secrets keeps none.
 */
export class Journal {
  private readonly uuid: string | undefined;
  private isThere = false;

  constructor(
    private readonly libvirt: Libvirt,
    private readonly host: string,
    { meta }: Context,
  ) {
    this.uuid = meta && new Identity(meta).uuid;
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
    const { uuid, libvirt } = this;
    if (uuid === undefined) return;
    const xml = render(
      element(
        "secret",
        { ephemeral: "yes", private: "yes" },
        element("uuid", {}, uuid),
        element("description", {}, JSON.stringify(former)),
        element("usage", { type: "tls" }, element("name", {}, usageOf(uuid))),
      ),
    );
    await this.ifKept("write down", () => libvirt.call("SECRET_DEFINE_XML", { xml, flags: 0 }));
    this.isThere = true;
  }

  /** One that cannot be taken away says at the next run what the state says by then. */
  async drop(): Promise<void> {
    const { uuid, libvirt } = this;
    if (uuid === undefined || !this.isThere) return;
    const secret = { uuid, usageType, usageId: usageOf(uuid) };
    await libvirt.call("SECRET_UNDEFINE", { secret }).catch(() => undefined);
  }

  private async read(): Promise<Former | undefined> {
    const { uuid, libvirt } = this;
    if (uuid === undefined) return undefined;
    const found = await this.ifKept("look for", async () => {
      const { secret } = await libvirt.call("SECRET_LOOKUP_BY_UUID", { uuid });
      return libvirt.call("SECRET_GET_XML_DESC", { secret, flags: 0 });
    });
    const description = found && child(parseAnswer(found.xml), "description");
    if (!description) return undefined;
    this.isThere = true;
    return JSON.parse(textOf(description));
  }

  /** Undefined where the daemon has no such secret, or keeps none. */
  private async ifKept<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LibvirtError) return undefined;
      return attempt({ step: `${what} what the machine had`, host: this.host }, () => Promise.reject(error));
    }
  }
}

function usageOf(uuid: string): string {
  return `pulumi-kvm.host.${uuid}`;
}
