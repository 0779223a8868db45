import { followChain, MAX_CHAIN } from "../../../provider/images/chain";

const resolver = (backing: Record<string, string>) => async (image: string) => backing[image];

describe("followChain", () => {
  it("lists a chain from top to base", async () => {
    expect(await followChain("c", resolver({ c: "b", b: "a" }))).toEqual(["c", "b", "a"]);
    expect(await followChain("a", resolver({}))).toEqual(["a"]);
  });

  it.each([
    ["itself", { a: "a" }, "a -> a"],
    ["an image further up", { a: "b", b: "c", c: "b" }, "b -> c -> b"],
  ])("names a cycle through %s", async (_, backing, cycle) => {
    await expect(followChain("a", resolver(backing as Record<string, string>))).rejects.toThrow(
      `form a cycle: ${cycle}`,
    );
  });

  it("ends an endless chain", async () => {
    let asked = 0;
    const endless = async () => {
      asked += 1;
      return `image-${asked}`;
    };
    await expect(followChain("top", endless)).rejects.toThrow(`longer than ${MAX_CHAIN}`);
    expect(asked).toBe(MAX_CHAIN);
  });
});
