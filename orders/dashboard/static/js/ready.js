// `<html data-ready>`: "true" while no answer is waited for, live updates aside.

let waiting = 0;

/** Count a wait until the returned function is called. */
export function wait() {
  waiting += 1;
  document.documentElement.dataset.ready = "false";
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    waiting -= 1;
    setTimeout(report); // after a wait that follows on this one
  };
}

/** Count a wait while `work` runs; return what it returns. */
export async function waitFor(work) {
  const done = wait();
  try {
    return await work();
  } finally {
    done();
  }
}

function report() {
  document.documentElement.dataset.ready = String(waiting === 0);
}
