import { TransportError } from "../../../provider/transport/errors";
import { parseUri, uriFaults } from "../../../provider/transport/uri";

function faults(text: string): string {
  try {
    parseUri(text);
  } catch (error) {
    if (error instanceof TransportError && error.code === "invalid") return error.message;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

test.each([
  ["qemu:///system", { transport: "unix", driverUri: "qemu:///system", host: undefined }],
  ["qemu:///session", { transport: "unix", driverUri: "qemu:///session" }],
  [
    "qemu+unix:///system?socket=/tmp/s",
    { transport: "unix", params: { socket: "/tmp/s" }, driverUri: "qemu:///system" },
  ],
  ["test:///default", { transport: "unix", driver: "test", driverUri: "test:///default" }],
  ["test+unix:///default", { transport: "unix", driverUri: "test:///default" }],
  ["test+ssh://h/etc/node.xml", { transport: "ssh", driverUri: "test:///etc/node.xml" }],
  [
    "qemu+ssh://root@h:2201/system",
    { transport: "ssh", user: "root", host: "h", port: 2201, driverUri: "qemu:///system" },
  ],
  ["qemu+libssh2://h/system", { transport: "ssh", host: "h", port: undefined }],
  ["qemu+tls://h/system?pkipath=/pki", { transport: "tls", host: "h", params: { pkipath: "/pki" } }],
  ["qemu+tcp://h:1/system", { transport: "tcp", host: "h", port: 1 }],
  ["qemu://h/system", { transport: "tls", host: "h" }],
  ["qemu+ssh://[fe80::1]:22/system", { host: "fe80::1", port: 22 }],
  ["qemu+ssh://a%40b@h/system", { user: "a@b", host: "h" }],
  [
    "qemu+ssh://h/system?keyfile=%2Fa%20b&sshauth=agent,privkey",
    { params: { keyfile: "/a b", sshauth: ["agent", "privkey"] } },
  ],
  ["qemu+ssh://h/system?name=test:///default", { driverUri: "test:///default" }],
])("%s", (text, expected) => {
  expect(parseUri(text)).toMatchObject(expected);
});

test.each([
  ["", "does not have the form"],
  ["qemu:/system", "two more slashes"],
  ["kvm:///system", 'driver "kvm" is not one of qemu, test'],
  ["qemu+rsh://h/system", 'transport "rsh" is not one of unix, ssh, tls, tcp'],
  ["qemu+constructor://h/system", 'transport "constructor" is not one of'],
  ["qemu:///default", 'path "/default" is not one of /system, /session'],
  ["qemu+ssh://h", 'path "" is not one of /system, /session'],
  ["qemu+ssh:///system", "the ssh transport needs a host name, as in qemu+ssh://rack1.example/system"],
  ["qemu+unix://h/system", "leave out user, host and port, or use +ssh"],
  ["qemu+ssh://fe80::1/system", "write an IPv6 address in brackets"],
  ["qemu+ssh://h:0/system", 'port "0" is not a number from 1 to 65535'],
  ["qemu+ssh://h:ssh/system", 'port "ssh" is not'],
  ["qemu+ssh://root:pw@h/system", "must not hold a password"],
  ["qemu+ssh://-oProxyCommand=x/system", "must not begin with a dash"],
  ["qemu+ssh://a b/system", "is not a host name"],
  ["qemu+tls://u@h/system", "a user name has no meaning with tls"],
  ["qemu+ssh://h/system?keyfle=/x", 'parameter "keyfle" is not known; did you mean keyfile?'],
  ["qemu+ssh://h/system?knownhosts=/x", "did you mean known_hosts?"],
  ["qemu+ssh://h/system?zzzzzzzz=1", 'parameter "zzzzzzzz" is not known'],
  ["qemu+ssh://h/system?__proto__=1", 'parameter "__proto__" is not known'],
  ["qemu+ssh://h/system?no_verify=1", "checking the server cannot be switched off"],
  ["qemu+ssh://h/system?proxy=socat", "proxy=socat is not one of auto, helper, native, streamlocal, netcat"],
  ["qemu+ssh://h/system?sshauth=agent,password", "sshauth=password is not one of agent, privkey"],
  ["qemu+ssh://h/system?keyfile", 'parameter "keyfile" has no value'],
  ["qemu+ssh://h/system?keyfile=%zz", "parameter keyfile has no usable value"],
  ["qemu+ssh://h/system?keyfile=/a&keyfile=/b", "parameter keyfile is given twice"],
  ["qemu+unix:///system?keyfile=/a", "parameter keyfile belongs to the transport ssh, not unix"],
  ["qemu+unix:///system?socket=s", "socket=s is not an absolute path"],
  ["qemu:///system#x", '"#x" has no meaning here'],
])("%s is refused", (text, expected) => {
  expect(faults(text)).toContain(expected);
});

test("of a way that is none nothing else is concluded", () => {
  expect(uriFaults("ssh://root@rack1/system")).toEqual(['driver "ssh" is not one of qemu, test; write qemu+ssh://']);
  expect(uriFaults("qemu+shh://root@rack1/system")).toEqual(['transport "shh" is not one of unix, ssh, tls, tcp']);
});

test("all faults are told at once, with the known parameters", () => {
  const message = faults("xen+rsh://h:99999/foo?bogus=1");
  for (const part of ['driver "xen"', 'transport "rsh"', 'port "99999"', '"bogus"', "known_hosts_verify"]) {
    expect(message).toContain(part);
  }
});

test.each([
  "qemu+ssh://root:s3cret@h/system",
  "qemu+ssh://root:s3cret:s3cret@h:1:2/system",
  "qemu+ssh://r:s3cret%zz@h/system",
  "qemu+ssh://root:ab/s3cret@h/system?keyfile=/a@b",
])("the password of %s is in no message", (text) => {
  expect(faults(text)).not.toContain("s3cret");
  expect(faults(text)).toMatch(/"qemu\+ssh:\/\/r[ot]*:\*\*\*@h/);
});
