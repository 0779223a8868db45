import fc from "fast-check";
import { encodeFrame, type Frame, FrameReader, messageType, programs } from "../../../provider/libvirt/frame";

function frame(serial: number, payload: Buffer): Frame {
  return { program: programs.remote, procedure: 1, type: messageType.reply, serial, status: 0, payload };
}

it("puts messages together again, however the stream is cut", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(payloads, fc.infiniteStream(fc.integer({ min: 1, max: 60 })), (contents, cuts) => {
      const sent = contents.map((bytes, index) => frame(index + 1, Buffer.from(bytes)));
      const wire = Buffer.concat(sent.map(encodeFrame));
      const reader = new FrameReader();
      const got: Frame[] = [];
      for (let at = 0; at < wire.length; ) {
        const size = cuts.next().value ?? 1;
        got.push(...reader.push(wire.subarray(at, at + size)));
        at += size;
      }
      expect(got.map(({ serial, payload }) => [serial, payload.toString("hex")])).toEqual(
        sent.map(({ serial, payload }) => [serial, payload.toString("hex")]),
      );
    }),
  );
});

it("quotes what a noisy shell printed instead of a message", () => {
  expect(() => new FrameReader().push(Buffer.from("hello from .bashrc\nwelcome to this machine\n"))).toThrow(
    /hello from .bashrc/,
  );
});

it("refuses a length that no message can have", () => {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(0x7fffffff);
  expect(() => new FrameReader().push(bytes)).toThrow(/does not speak libvirt's protocol/);
});
