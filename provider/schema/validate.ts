import { nearest } from "../core/nearest";
import { isAccepted, oddWord } from "./kind";
import { labelOf } from "./list-keys";
import { type DocumentObject, isObject } from "./object";
import { type ChildShape, type ElementShape, type FieldShape, shapeOf } from "./shape";
import { versions } from "./tables";
import { versionNumber, versionText } from "./version";

export interface SchemaFault {
  /** What is wrong: an unknown name, a word that is not one of a list, another value, a gap, or the host's age. */
  readonly kind: "name" | "word" | "value" | "missing" | "version";
  /** Path of members: `devices.disk[vda].driver.cache`; what nothing tells apart is counted from 0. */
  readonly path: string;
  readonly reason: string;
}

export interface ValidateOptions {
  /** A part of a document: nothing is missed in it, and null takes away. */
  readonly partial?: boolean;
  /** libvirt of the host, as 1000000 * major + 1000 * minor + release; what is newer is a fault. */
  readonly libvirt?: number;
}

/**
 * Everything in a document that libvirt's schemas do not allow. Rules between fields are left to libvirt: the shapes
 * unite all alternatives of an element.
 */
export function validate(root: string, object: DocumentObject, options: ValidateOptions = {}): SchemaFault[] {
  const shape = shapeOf(root);
  if (!shape) return [fault("name", root, "is no document that libvirt's schemas know")];
  return new Validator(options).element(object, shape, "");
}

type Age = Pick<FieldShape, "newer" | "since">;

class Validator {
  constructor(private readonly options: ValidateOptions) {}

  element(member: unknown, shape: ElementShape, path: string): SchemaFault[] {
    if (shape.open)
      return typeof member === "string" || isEmpty(member) ? [] : [fault("value", path, "must be XML text")];
    if (Array.isArray(member)) return [fault("value", path, "stands at most once: give one, not a list")];
    if (!isObject(member)) return this.text(member, shape, path);
    return [...this.members(member, shape, path), ...this.missing(member, shape, path)];
  }

  private members(object: DocumentObject, shape: ElementShape, path: string): SchemaFault[] {
    return Object.entries(object).flatMap(([key, member]) => {
      const at = path === "" ? key : `${path}.${key}`;
      if (member === undefined) return [];
      if (member === null) return this.options.partial ? [] : [fault("value", at, "is null")];
      const attribute = shape.attributes.get(key);
      if (attribute) return [...this.age(attribute, at), ...this.field(member, attribute, at)];
      const child = shape.children.get(key);
      if (child) return [...this.age(child, at), ...this.child(member, child, at)];
      if (key === "value" && shape.text) return this.field(member, shape.text, at);
      if (key === "$order" && shape.ordered) return [];
      return [fault("name", at, `is not known${hint(key, [...shape.attributes.keys(), ...shape.children.keys()])}`)];
    });
  }

  private child(member: unknown, child: ChildShape, path: string): SchemaFault[] {
    if (!child.list) return this.element(member, child.shape, path);
    const items = Array.isArray(member) ? member : [member];
    return items.flatMap((item, index) => this.element(item, child.shape, `${path}[${labelOf(item, index)}]`));
  }

  private missing(object: DocumentObject, shape: ElementShape, path: string): SchemaFault[] {
    if (this.options.partial) return [];
    const required = [
      ...[...shape.attributes].flatMap(([key, { required }]) => (required ? [key] : [])),
      ...[...shape.children].flatMap(([key, { required }]) => (required ? [key] : [])),
    ];
    return required
      .filter((key) => object[key] === undefined)
      .map((key) => fault("missing", join(path, key), "is missing"));
  }

  private text(member: unknown, shape: ElementShape, path: string): SchemaFault[] {
    if (member === false && this.options.partial) return [];
    if (shape.text) return this.field(member, shape.text, path);
    return member === true ? [] : [fault("value", path, "has members of its own: give an object")];
  }

  private field(value: unknown, { kind }: FieldShape, path: string): SchemaFault[] {
    if (typeof value === "object") return [fault("value", path, "is a single value: give text, a number or a truth")];
    const text = typeof value === "boolean" ? oddWord(kind, value) : String(value);
    if (!isAccepted(kind, text)) {
      const onlyWords = kind.p === undefined && kind.r === undefined;
      return [fault(onlyWords ? "word" : "value", path, `${JSON.stringify(value)} is not ${expected(kind)}`)];
    }
    const since = kind.s?.[text.trim()];
    return this.age({ newer: kind.n?.includes(text.trim()) === true, ...(since !== undefined && { since }) }, path);
  }

  /** Of what came between the two schemas only the ends are known: there the host's libvirt judges. */
  private age({ newer, since }: Age, path: string): SchemaFault[] {
    const { libvirt } = this.options;
    if (libvirt === undefined) return [];
    const isLacking =
      since === undefined ? newer && libvirt <= versionNumber(versions.older) : libvirt < versionNumber(since);
    if (!isLacking) return [];
    const needed = since === undefined ? `a libvirt newer than ${versions.older}` : `libvirt ${since}`;
    return [fault("version", path, `needs ${needed}; the host has ${versionText(libvirt)}`)];
  }
}

function expected(kind: FieldShape["kind"]): string {
  const words = (kind.w ?? []).filter((word) => word !== "");
  const ranges = (kind.r ?? []).map((range) => `a whole number ${range}`);
  const patterns = (kind.p ?? []).map((pattern) => `text like ${pattern}`);
  return [words.length > 0 ? `one of ${words.join(", ")}` : "", ...ranges, ...patterns].filter(Boolean).join(", or ");
}

function isEmpty(member: unknown): boolean {
  return member === true || (isObject(member) && Object.keys(member).length === 0);
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function fault(kind: SchemaFault["kind"], path: string, reason: string): SchemaFault {
  return { kind, path, reason };
}

/** "; did you mean X?" for a name that is near. */
function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
