import { valueAt } from "./paths";
import type * as z from "./zod";

/** One thing that is wrong with the inputs. */
export interface Fault {
  /** Property path, e.g. `disks.root.bus`. */
  readonly property: string;
  readonly reason: string;
}

type Issue = z.core.$ZodIssue;

/** What zod found wrong with the value at `path`, in a user's words. */
export function faultsOf(issues: readonly Issue[], value: unknown, path: readonly string[]): Fault[] {
  return issues.flatMap((issue) => {
    const at = [...path, ...issue.path.map(String)];
    if (issue.code === "unrecognized_keys") {
      const reasons = issue.message.split("\n");
      return issue.keys.map((key, index) => ({
        property: formatPath([...at, key]),
        reason: reasons[index] ?? "unknown attribute",
      }));
    }
    if (issue.code === "invalid_key") {
      return issue.issues.map(({ message }) => ({
        property: formatPath(at),
        reason: `the name ${plainly(message)}`,
      }));
    }
    // A schema with a sentence of its own for the whole keeps it.
    if (issue.code === "invalid_union" && issue.message === "Invalid input") {
      const meant = branchMeant(issue.errors);
      if (meant) return faultsOf(meant, valueAt(value, issue.path), at);
      if (issue.errors.length > 0) return [{ property: formatPath(at), reason: alternatives(issue.errors) }];
    }
    const reason = isMissing(issue, value) ? "is required" : plainly(issue.message);
    return [{ property: formatPath(at), reason }];
  });
}

/** Whether zod found nothing where the value should have something. */
export function isMissing({ code, path }: Issue, value: unknown): boolean {
  return code === "invalid_type" && valueAt(value, path) === undefined;
}

export function formatPath(path: readonly string[]): string {
  return path.reduce(
    (text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    "",
  );
}

/** The one form of several whose kind the value has, though something in it is wrong. */
function branchMeant(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isOtherKind = ({ code, path }: Issue) =>
    path.length === 0 && (code === "invalid_type" || code === "invalid_value" || code === "invalid_union");
  const near = branches.filter((issues) => !issues.some(isOtherKind));
  return near.length === 1 ? near[0] : undefined;
}

function alternatives(branches: readonly (readonly Issue[])[]): string {
  return [...new Set(branches.flatMap((issues) => issues.map(({ message }) => plainly(message))))].join(", or ");
}

/** zod's own sentences begin with their kind. */
function plainly(message: string): string {
  return message.replace(/^(Invalid input|Invalid option|Invalid string|Too small|Too big): /, "");
}
