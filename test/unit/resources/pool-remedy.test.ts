import { poolRemedy } from "../../../provider/resources/pool-remedy";

test.each([
  ["storage pool 'vms' is not active", /virsh pool-start vms/],
  ["Storage pool not found: no storage pool with matching uuid", /make it anew in the program/],
  ["cannot open directory '/srv/vms': No such file or directory", /is mounted on the host/],
  ["cannot create path '/srv/vms/a.raw': Read-only file system", /may write to the place of pool vms/],
  ["cannot extend file '/srv/vms/a.raw': File too large", /smaller size/],
  [
    "internal error: Child process (/usr/bin/qemu-img create) unexpected exit status 1: No space left on device",
    /room/,
  ],
  ["internal error: Child process (lvcreate --name a vms) unexpected exit status 3: striped", /run that command/],
  ["Secret not found: secret '1111' does not have a value", /secret-set-value/],
  [
    "invalid argument: secret with uuid 1111 is of type 'vtpm' not expected 'volume' type",
    /right usage type.*volume for/,
  ],
  ["internal error: Child process (qemu-img create) exit status 1: Unable to get accurate CPU usage", /up again/],
  ["XML error: A single <secret type='passphrase'...> element is expected", /format: "luks".*virsh secret-list/],
  ["Only luks encryption is supported for raw files", /format: "luks"/],
  ["An error occurred, but the cause is unknown", /find \/srv\/vms .*-size -100c.*pool-start vms/],
  ["unsupported pool type", /exists and is active/],
])("of %s", (said, remedy) => {
  expect(poolRemedy({ name: "vms", path: "/srv/vms" }, said)).toMatch(remedy);
});
