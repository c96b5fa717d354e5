// Azure's SDKs leave timers behind that renew tokens in 45 minutes; a test must not wait for them to end.
const {setTimeout} = globalThis;
globalThis.setTimeout = Object.assign((fn, ms, ...rest) => {
  const timer = setTimeout(fn, ms, ...rest);
  if (ms > 300000)
    timer.unref();
  return timer;
}, setTimeout);
