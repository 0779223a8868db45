import { networkSourceLens } from "../../../../provider/resources/virtual-machine/disk-network";
import { child, children, parse } from "../../../../provider/schema/tree";

const disk = () =>
  parse(`<disk type='network'><source protocol='https' name='a.iso' query='x=1'><host name='web' port='443'/>
    <ssl verify='no'/><cookies><cookie name='session'>s3cret</cookie></cookies><readahead size='65536'/>
    <slices><slice type='storage' offset='0' size='512'/></slices></source></disk>`);

const web = { protocol: "http", host: "web", port: 80, path: "/b.iso" } as const;

test.each([
  ["of the web", web, ["cookies", "readahead", "slices", "host"]],
  ["of another kind", { protocol: "nbd", host: "disks", port: 10809 } as const, ["slices", "host"]],
])("another source %s keeps what others have written and can mean", (_name, source, parts) => {
  const document = disk();
  networkSourceLens.set(document, source);
  expect(networkSourceLens.get(document)).toEqual(source);
  const found = child(document, "source");
  expect(
    found &&
      children(found)
        .map(({ name }) => name)
        .sort(),
  ).toEqual([...parts].sort());
});
