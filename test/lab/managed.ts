import { type Handler, PartialFailure, type Values } from "../../provider/core/handler";
import { handlerContext, metaOf, type TestContext } from "./handler-context";

/** Works with a resource of the tests, and takes it away afterwards. */
export async function withManaged(subject: Managed, work: (subject: Managed) => Promise<void>): Promise<void> {
  try {
    await work(subject);
  } finally {
    await subject.delete();
    await subject.context.close();
  }
}

/** A resource of the tests, driven as the engine does it: what one call answers goes into the next. */
export class Managed {
  readonly context: TestContext;
  id = "";
  state: Values = {};

  /** @param base arguments that every program of the test gives. */
  constructor(
    readonly handler: Handler,
    logicalName: string,
    private readonly base: Values,
  ) {
    this.context = handlerContext(metaOf(logicalName, handler.type));
  }

  get name(): string {
    return String(this.state["name"]);
  }

  /** Canonical inputs; an old state keeps what was derived. */
  inputs(args: Values): Values {
    const olds = this.id === "" ? undefined : this.state;
    const { inputs, failures } = this.handler.check({ ...this.base, ...args }, olds, this.context.meta);
    expect(failures).toEqual([]);
    return inputs;
  }

  /** The same resource in the next run of the program. */
  nextRun(): this {
    const context = handlerContext(this.context.meta);
    return Object.assign(Object.create(Object.getPrototypeOf(this)), this, { context });
  }

  async create(args: Values): Promise<this> {
    try {
      ({ id: this.id, state: this.state } = await this.handler.create(this.inputs(args), this.context));
    } catch (error) {
      // The engine keeps what a partial failure says.
      if (error instanceof PartialFailure) ({ id: this.id, state: this.state } = error);
      throw error;
    }
    return this;
  }

  async up(args: Values): Promise<void> {
    this.state = await this.handler.update(this.id, this.state, this.inputs(args), this.context);
  }

  diff(args: Values) {
    return this.handler.diff(this.id, this.state, this.inputs(args));
  }

  /** Refreshes; answers what the next `up` of the same program would change, as the engine asks for it. */
  async refresh(): Promise<string[] | "gone"> {
    const seen = await this.handler.read(this.id, this.state, this.context);
    if (!seen) return "gone";
    const [olds, news] = [{ ...seen.state, ...seen.inputs }, this.state];
    this.state = seen.state;
    return this.handler.diff(this.id, olds, news).changes.map(({ property }) => property);
  }

  async delete(): Promise<void> {
    await this.handler.delete(this.id, this.state, this.context);
  }
}
