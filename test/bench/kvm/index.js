const pulumi = require("@pulumi/pulumi");
const kvm = require("pulumi-kvm");
const { declare } = require("../machines");

declare(kvm, new pulumi.Config());
