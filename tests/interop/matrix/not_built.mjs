// What is not built yet, and which cells show it. Every cell that an entry names must still fail, so an entry goes
// with what it waits for.
export const notBuilt = [
];
