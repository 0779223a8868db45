export * from "./exports";
/** `import kvm from "pulumi-kvm"`: Node gives that to ES modules by itself, TypeScript lets programs in CommonJS say it. */
export * as default from "./exports";
