// Following changes by polling: nothing is asked while the page is hidden; without a connection the pauses grow.

const PAUSE_MS = 2_500; // within 5 s of a commit, and at most 30 requests a minute
const MAX_PAUSE_MS = 30_000;

/** Return whether nobody can see the page. */
export function isHidden() {
  return document.hidden || document.visibilityState === "hidden";
}

/**
 * Call `ask(signal)` again and again until `signal` is aborted, at once when the page is seen again. `setState` is told "live",
 * "paused" or "offline".
 */
export async function follow(ask, { signal, setState, pause = PAUSE_MS }) {
  let failures = 0;
  while (!signal.aborted) {
    if (isHidden()) {
      setState("paused");
      await changed(signal);
      continue;
    }
    try {
      await ask(signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!error.code) reportError(error);
      failures += 1;
      await retryLater(failures, error, signal, setState);
      continue;
    }
    setState(isHidden() ? "paused" : "live");
    await changed(signal, pause);
  }
}

/** Return a function that runs `read(signal)`: once more if it is called meanwhile, and again until it succeeds. */
export function repeated(read, signal) {
  let isDue = false;
  let isRunning = false;
  return async () => {
    isDue = true;
    if (isRunning) return;
    isRunning = true;
    for (let failures = 0; isDue && !signal.aborted; ) {
      isDue = false;
      try {
        await read(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!error.code) reportError(error);
        isDue = true;
        failures += 1;
        await retryLater(failures, error, signal, () => {});
      }
    }
    isRunning = false;
  };
}

/** Wait with "offline" after the n-th failure in a row: longer each time, up to 30 s, and not less than Retry-After. */
export async function retryLater(failures, error, signal, setState) {
  setState("offline");
  const growing = Math.min(MAX_PAUSE_MS, 1000 * 2 ** (failures - 1));
  await changed(signal, Math.max(growing, (error?.retryAfter ?? 0) * (error?.status ? 1000 : 0)));
}

/** Wait until the page is hidden or seen, the connection is lost or back, `signal` is aborted, or the time is up. */
export function changed(signal, milliseconds) {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const end = () => {
      ended.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = milliseconds === undefined ? undefined : setTimeout(end, milliseconds);
    const options = { signal: ended.signal };
    document.addEventListener("visibilitychange", end, options);
    window.addEventListener("online", end, options);
    window.addEventListener("offline", end, options);
    signal.addEventListener("abort", end, options);
    if (signal.aborted) end();
  });
}
