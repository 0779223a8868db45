import type { Row, Rows } from "../../core/attribute";
import type { Bookkeeping, Made } from "../../core/definition";
import { diffRows } from "../../core/diff";
import { KvmError, messageOf } from "../../core/errors";
import type { Context, Values } from "../../core/handler";
import { isIgnored } from "../../core/ignored";
import { withIgnored } from "../../core/left-alone";
import { Unfinished } from "../../core/unfinished";
import type { Libvirt } from "../../libvirt/api";
import { clone, type Element, equal } from "../../schema/tree";
import type { HostTopology } from "../../tuning/topology";
import { noteDiffering } from "../adoption";
import { readRows, withDrift } from "../document";
import { onceFree } from "../hand-over";
import {
  adoptedMark,
  isAdoptedElsewhere,
  isMarkOf,
  markOf,
  notOurs,
  readMark,
  requireName,
  writeMark,
} from "../ownership";
import { placedIn } from "../placed-in";
import { writeRecord } from "../placement-record";
import { type Leases, leasesBefore, noLeases, waitForAddress } from "./addresses";
import { nameDevices } from "./adopted";
import { applyInputs } from "./apply";
import { Domain } from "./domain";
import { warnOfExposure } from "./exposure";
import { addedIn, tidyPages } from "./guest-pages";
import { requireHardware } from "./hardware";
import { adviseHost, warnOfSlowDisks } from "./latency-advice";
import { refuseEarlySecret } from "./launch-attestation";
import { setMark } from "./mark";
import { makeMediated } from "./mediated-devices";
import { warnOfMitigations } from "./mitigations";
import { warnOfCards } from "./nic-claims";
import { observe, type outputs, outputsIn } from "./outputs";
import { asOutput, effective, placementIn, recordOf, suggestedFor } from "./placement";
import { placeAndWrite } from "./placing";
import { enforcePower } from "./power";
import { requireTaken } from "./read-back";
import { compose } from "./render";
import { type Inputs, rows } from "./rows";
import { warnOfIsolation } from "./security";
import { memoOf } from "./start-wait";
import { requireOwnVariables } from "./variables";
import { requireVirtType } from "./virt-type";

type MadeDomain = Made<typeof outputs>;

/** Makes the domain, or goes on with the one that an earlier run left half done. */
export function create(inputs: Inputs, context: Context): Promise<MadeDomain> {
  return onceFree(`create VirtualMachine ${inputs.name}`, context, () => make(inputs, context));
}

async function make(inputs: Inputs, context: Context): Promise<MadeDomain> {
  const libvirt = await context.connect(inputs.host);
  const host = inputs.host.uri;
  const [own, namesake] = await Promise.all([
    Domain.byUuid(libvirt, host, inputs.uuid),
    Domain.byName(libvirt, host, inputs.name),
  ]);
  const existing = own ?? namesake;
  if (!existing) {
    refuseEarlySecret(inputs);
    await requireVirtType(libvirt, inputs);
    await requireHardware(libvirt, inputs);
    warnOfIsolation(inputs, context);
    warnOfExposure(inputs, context);
    await warnOfCards(libvirt, inputs, inputs.uuid, context);
    await warnOfMitigations(libvirt, inputs, context);
    warnOfSlowDisks(inputs, context);
    adviseHost(inputs, context);
    return finish(await defineNew(libvirt, inputs, context), inputs, context, true);
  }
  const document = await existing.inactive();
  const mark = readMark(document);
  if (own && isMarkOf(mark, inputs.host.owner, context.meta)) {
    requireName("VirtualMachine", document, inputs.name, inputs.host);
    refuseEarlySecret(inputs);
    await requireHardware(libvirt, inputs);
    warnOfIsolation(inputs, context);
    return { ...(await finish(await goOn(own, document, inputs, context), inputs, context)), takenUp: true };
  }
  if (inputs.adopt !== true || isAdoptedElsewhere(mark, inputs, context)) {
    throw notOurs("VirtualMachine", inputs.name, inputs.host, mark, own ? "uuid" : "name", context.meta?.urn);
  }
  return adopt(existing, inputs, context);
}

/** A domain that is defined, with what is known of it by then. */
interface Defined {
  readonly domain: Domain;
  readonly known: Values;
  /** The definition as libvirt shows it. */
  readonly config: Element;
}

async function defineNew(libvirt: Libvirt, inputs: Inputs, context: Context): Promise<Defined> {
  const site = {
    libvirt,
    inputs,
    uuid: inputs.uuid,
    previous: () => suggestedFor(inputs),
    added: [],
    live: undefined,
    context,
  };
  return placeAndWrite(site, async (placement, pages) => {
    const known = asOutput(placement);
    const wanted = effective(inputs, known);
    const document = documentOf(wanted, context);
    await requireOwnVariables(libvirt, inputs, document);
    writeRecord(document, recordOf(inputs, placement, pages));
    const giveBack = await makeMediated(libvirt, inputs, context);
    let domain: Domain | undefined;
    const undo = async () => {
      // It was never started: variables and state that are there are from before.
      await domain?.undefine({ nvram: true, tpm: true });
      await giveBack();
    };
    try {
      domain = await Domain.define(libvirt, inputs.host.uri, inputs.name, document);
      const config = await domain.inactive();
      requireTaken(domain, wanted, { wanted: document, config }, context);
      return { result: { domain, known, config }, undo };
    } catch (error) {
      await undo().catch((failure: unknown) => context.warn(messageOf(failure)));
      throw error;
    }
  });
}

/** The definition of one that is new. */
function documentOf(inputs: Inputs, context: Context): Element {
  const document = compose(inputs);
  // One that is not to be started is ready as it is.
  const phase = inputs.state === "stopped" ? "ready" : "creating";
  writeMark(document, markOf(inputs, inputs.uuid, phase, context));
  return document;
}

/**
 * Brings a half-made domain of ours to what is wanted now. Nobody knows what the earlier program said that this one does
 * not: of a guest that does not run yet nothing of that stays.
 */
async function goOn(domain: Domain, document: Element, inputs: Inputs, context: Context): Promise<Defined> {
  context.info(`found ${domain.name}, which an earlier run made and the state does not know; going on with it`);
  const { libvirt, uuid } = domain;
  const previous = (host: HostTopology) => placedIn(document, host) ?? suggestedFor(inputs);
  const added = addedIn(document);
  const { live } = await domain.present(document);
  const isBegun = !live && readMark(document)?.phase === "creating";
  const site = { libvirt, inputs, uuid, previous, added, live, context };
  const defined = await placeAndWrite(site, async (placement, pages) => {
    const known = asOutput(placement);
    const effectual = effective(inputs, known);
    const wanted = isBegun ? documentOf(effectual, context) : applyInputs(clone(document), effectual, {});
    writeRecord(wanted, recordOf(inputs, placement, pages));
    await makeMediated(libvirt, inputs, context);
    const differs = !equal(wanted, document);
    if (differs) await domain.redefine(wanted);
    const config = differs ? await domain.inactiveAfter(wanted) : document;
    requireTaken(domain, effectual, { wanted, config }, context);
    return { result: { domain, known, config }, undo: () => domain.redefine(document) };
  });
  if (added.length > 0 && !live) await tidyPages(domain, inputs, placementIn(defined.known), context);
  return defined;
}

/**
 * All that follows the definition: from here on a failure leaves a domain, which state must know. One that is `fresh`
 * is off, and libvirt does not start it with the host, so that needs no call.
 */
async function finish(
  { domain, known, config }: Defined,
  inputs: Inputs,
  context: Context,
  fresh = false,
): Promise<MadeDomain> {
  let due: Leases | undefined;
  try {
    if (inputs.autostart || !fresh) await domain.setAutostart(inputs.autostart);
    const leases = await leasesBefore(domain, inputs);
    const isOff = fresh && inputs.state === "stopped";
    const started = !isOff && (await enforcePower(domain, inputs, context));
    // One that an earlier run started has the lease that it got since.
    due = started ? leases : noLeases;
    await waitForAddress(domain, inputs, due, context);
    due = undefined;
    if (inputs.state !== "stopped") await setMark(domain, markOf(inputs, domain.uuid, "ready", context));
    const now = { power: inputs.state, live: undefined };
    const seen = isOff ? { now, autostart: inputs.autostart } : {};
    return (await observe(domain, inputs, known, { config, ...seen })).made;
  } catch (error) {
    const applied = readRows(rows, effective(inputs, known), config);
    throw await unfinished(domain, inputs, error, known, { due, applied });
  }
}

/** What a failure adds to the state. */
interface Residue {
  /** A wait that is still to be done. */
  readonly due?: Leases | undefined;
  readonly ignored?: readonly string[] | undefined;
  /** What is to be there if all was written that was sent, where nobody can look: a refresh finds what was not. */
  readonly applied?: Values | undefined;
  /** The state whose inputs the guest may still have. */
  readonly before?: Values | undefined;
}

/**
 * Keeps in state what is true: where the host can be asked, the power state as it is unless an update was told to
 * ignore it; else what was `known` of the domain.
 */
export async function unfinished(
  domain: Domain,
  inputs: Inputs,
  error: unknown,
  known: Values,
  { due, ignored, applied, before }: Residue = {},
): Promise<Error> {
  const cause = error instanceof Error ? error : new Error(String(error));
  const state = await observe(domain, inputs, known, { ignored, ...(before && { before }) }).catch(() => undefined);
  const memo = state ? state.made.memo : (known["__kvm"] as Bookkeeping | undefined)?.memo;
  const noted = due ? { memo: { ...memo, ...memoOf(due) } } : memo && { memo };
  // A host that cannot be asked now leaves what was written; the next run reads it again.
  if (!state) {
    const made = { id: domain.uuid, outputs: outputsIn(known, domain.uuid), ...(applied && { applied }) };
    return new Unfinished({ ...made, ...noted }, cause, inputs);
  }
  const { made, power, autostart } = state;
  const found = Object.entries({ state: power, autostart }).filter(([name]) => !isIgnored(name, ignored));
  return new Unfinished({ ...made, ...noted }, cause, { ...inputs, ...Object.fromEntries(found) });
}

/**
 * Takes over a domain that somebody else made, writing nothing but the mark. State says what it is, so that the next
 * preview shows what the program wants otherwise; of what it ignores state says what the program does, as ever.
 */
async function adopt(domain: Domain, inputs: Inputs, context: Context): Promise<MadeDomain> {
  if (!(await domain.isPersistent())) throw transient(domain);
  await setMark(domain, adoptedMark(inputs, domain.uuid, context));
  nameDevices(domain, { adopted: true }, inputs);
  const { made, power, autostart } = await observe(domain, inputs, { adopted: true });
  const ignored = context.meta?.ignoreChanges;
  const applied = withIgnored(made.applied ?? {}, documented(inputs), ignored);
  const found = withDrift(inDocument, inputs, inputs, applied);
  const outputs = withIgnored({ ...found, ...made.outputs, ...{ state: power, autostart } }, inputs, ignored);
  const differing = diffRows(rows, outputs, inputs).filter(({ class: kind }) => kind !== "none");
  const names = differing.map(({ property }) => property);
  const isAsAdopted = noteDiffering(`VirtualMachine ${inputs.name}`, names, context) !== undefined;
  return { ...made, applied, outputs, ...(isAsAdopted && { memo: { ...made.memo, isAsAdopted } }) };
}

function transient({ name, host }: Domain): KvmError {
  return new KvmError("conflict", {
    step: `adopt VirtualMachine ${name}`,
    host,
    reason: "it is transient: libvirt has no definition of it, and forgets it when it stops; nothing was changed",
    remedy: `define it as it runs: virsh dumpxml --security-info ${name} > ${name}.xml, then virsh define ${name}.xml`,
  });
}

/** The rows that the document shows. */
const inDocument: Rows = Object.fromEntries(
  Object.entries<Row>(rows).filter(([, row]) => row.kind !== "attribute" || row.lens !== undefined),
);

function documented(inputs: Inputs): Values {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => Object.hasOwn(inDocument, name)));
}
