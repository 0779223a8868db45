/** This package's own, such as "0.1.0". */
export function version(): string {
  return (require("pulumi-kvm/package.json") as { version: string }).version;
}
