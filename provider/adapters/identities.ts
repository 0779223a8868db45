import type { Fault } from "../core/check";
import type { Meta, Values } from "../core/handler";
import { nameIn } from "../core/identity";
import { isPlainObject } from "../core/unknown";

/**
 * Which object on which host each resource of this deployment is. A renamed resource keeps the identity of its former
 * name; a new one under that name would derive the same, find the object on the host and take it for its own.
 */
export class Identities {
  private readonly holders = new Map<string, Holder>();

  /** The urns by the names that the host knows objects by which have a uuid: two resources could adopt the same one. */
  private readonly named = new Map<string, string>();

  /** The objects that a create went on with, and the urn of its resource. */
  private readonly takenUp = new Map<string, string | undefined>();

  /** The urns of those that have adopted an object: volumes and pools have no place for a mark that would tell. */
  private readonly adopters = new Map<string, string>();

  /** Objects that are to be made anew: their own resource deletes them, whoever is said to hold them. */
  private readonly replaced = new Set<string>();

  /** Objects of this deployment's own: nothing in them is from before. */
  private readonly made = new Set<string>();

  /** The urns that the engine has asked about without what they were before: they are new, or made anew. */
  private readonly anew = new Set<string>();

  /** The urns of resources by those that they may have in the state. */
  private readonly renamed = new Map<string, string>();

  begin({ urn, aliases = [] }: Pick<Meta, "urn" | "aliases">, isAnew: boolean): void {
    if (isAnew) this.anew.add(urn);
    for (const alias of aliases) this.renamed.set(alias, urn);
  }

  /** The urn that the resource of a state has in the program. */
  present(urn: string | undefined): string | undefined {
    return urn === undefined ? undefined : (this.renamed.get(urn) ?? urn);
  }

  make(type: string, id: string): void {
    this.made.add(objectOf(type, id));
  }

  takeUp(type: string, id: string, urn: string | undefined): void {
    this.takenUp.set(objectOf(type, id), urn);
  }

  /** Takes note of an object that the resource has adopted, by what its state says. */
  adopt(type: string, id: string, { adopted }: Values, urn: string | undefined): void {
    if (adopted === true && urn !== undefined) this.adopters.set(objectOf(type, id), urn);
  }

  replace(type: string, id: string): void {
    this.replaced.add(objectOf(type, id));
  }

  /** Why the object that this resource of the state is about to delete has to stay; undefined where it may go. */
  whyItStays(type: string, id: string, state: Values, urn: string | undefined): string | undefined {
    // A delete after such a create is that of a resource whose name the program changed, or of the same one, when the
    // user has it made anew.
    const object = objectOf(type, id);
    if (this.takenUp.has(object)) {
      const isItself = this.takenUp.get(object) === urn;
      return isItself ? "nothing was made anew, it is the same" : "this deployment goes on with it under another name";
    }
    const adopter = this.adopters.get(object);
    if (adopter !== undefined && adopter !== urn) return `the resource "${nameIn(adopter)}" has adopted it`;
    const other = this.otherHolder(type, id, state, urn);
    return other === undefined ? undefined : `it is that of the resource "${other}"`;
  }

  /** The other resource of the program that has the object. */
  private otherHolder(type: string, id: string, state: Values, urn: string | undefined): string | undefined {
    // A renamed resource has its former name in the state: only one that is made anew deletes what it holds itself.
    if (this.replaced.has(objectOf(type, id))) return undefined;
    const holder = this.holderOf(type, state)?.urn;
    return holder === undefined || holder === urn ? undefined : nameIn(holder);
  }

  /** The fault of a resource whose object is another one's already. */
  claim(type: string, inputs: Values, urn: string): Fault[] {
    const key = keyOf(type, inputs);
    if (key === undefined) return [];
    const holder = this.holders.get(key)?.urn ?? urn;
    if (holder === urn) {
      this.holders.set(key, { urn, inputs });
      return this.claimName(type, inputs, urn);
    }
    const property = propertyOf(inputs);
    const reason = `${inputs[property]} is that of the resource "${nameIn(holder)}" already, which kept it when it was renamed, or was given it`;
    return [{ property, reason: `${reason}: call this resource otherwise in the program` }];
  }

  private claimName(type: string, inputs: Values, urn: string): Fault[] {
    if (propertyOf(inputs) === "name") return [];
    const { uuid: _, ...byName } = inputs;
    const key = keyOf(type, byName);
    if (key === undefined) return [];
    const namesake = this.named.get(key) ?? urn;
    this.named.set(key, namesake);
    if (namesake === urn) return [];
    const reason = `${inputs["name"]} is what the resource "${nameIn(namesake)}" is called on that host already`;
    return [{ property: "name", reason: `${reason}: two resources cannot have one object; choose another name` }];
  }

  /** Whether the object of that state is one of this deployment's program. */
  isClaimed(type: string, state: Values): boolean {
    return this.holderOf(type, state) !== undefined;
  }

  /** What the program wants of an object that is about to be deleted though no change of its arguments asks for it. */
  wanted(type: string, id: string, state: Values): Values | undefined {
    const object = objectOf(type, id);
    return this.replaced.has(object) || this.made.has(object) ? undefined : this.holderOf(type, state)?.inputs;
  }

  /**
   * Whether the resource makes another object in place of this one, though no change of its arguments asks for it: it was
   * renamed, and where the engine does not say what it was before, its identity comes of its present name.
   */
  losesIdentity(type: string, id: string, state: Values, urn: string | undefined): boolean {
    const object = objectOf(type, id);
    if (urn === undefined || !this.anew.has(urn) || this.replaced.has(object) || this.made.has(object)) return false;
    return !this.isClaimed(type, state);
  }

  private holderOf(type: string, state: Values): Holder | undefined {
    const key = keyOf(type, state);
    return key === undefined ? undefined : this.holders.get(key);
  }
}

/** The resource of the program that has an object. */
interface Holder {
  readonly urn: string;
  readonly inputs: Values;
}

function objectOf(type: string, id: string): string {
  return `${type} ${id}`;
}

function keyOf(type: string, values: Values): string | undefined {
  const parts = [values[propertyOf(values)], member(values["pool"], "uuid") ?? member(values["host"], "uri")];
  return parts.every((part) => typeof part === "string") ? JSON.stringify([type, ...parts]) : undefined;
}

/** What tells objects of one kind apart. */
function propertyOf(values: Values): "uuid" | "name" {
  return typeof values["uuid"] === "string" ? "uuid" : "name";
}

function member(value: unknown, name: string): unknown {
  return isPlainObject(value) ? value[name] : undefined;
}
