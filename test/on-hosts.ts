/** Daemons and guests take their time, more on a machine that is busy. Jest heeds no such limit of a single project. */
jest.setTimeout(30_000);
