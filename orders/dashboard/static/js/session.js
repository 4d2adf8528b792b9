// Who is signed in. The token lives in the variable `token` and nowhere else: a reload forgets it.

const MAX_TIMER_MS = 2 ** 31 - 1;

let token = null;
let person = null;
let expiresAt = 0;
let timer = 0;
let listener = () => {};

/** Return the signed-in person, {subject, role, vendorId}, or null. */
export function current() {
  return person;
}

/** Return the token for the Authorization header, or null. */
export function bearer() {
  return token;
}

/** Call `changed(notice)` when somebody has signed in, or the session has ended; `notice` says why, if not by request. */
export function onChange(changed) {
  listener = changed;
}

/** Return the claims of a token (RFC 7519), {} when none can be read. They say nothing until the API has accepted it. */
export function claimsOf(text) {
  try {
    const payload = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}

/** Begin a session with a token that the API has accepted, `secondsLeft` before it expires by the API's clock. */
export function begin(accepted, secondsLeft) {
  const { sub, role, vendor_id: vendorId } = claimsOf(accepted);
  token = accepted;
  person = { subject: sub, role, vendorId };
  expiresAt = performance.now() + secondsLeft * 1000;
  watchExpiry();
  listener();
}

/** End the session and forget the token. `notice` is shown at the sign-in. */
export function end(notice) {
  clearTimeout(timer);
  token = person = null;
  listener(notice);
}

function watchExpiry() {
  clearTimeout(timer);
  if (!token) return;
  const left = expiresAt - performance.now();
  if (left <= 0) end("Your token has expired. Sign in with a new one to go on where you were.");
  else timer = setTimeout(watchExpiry, Math.min(left, MAX_TIMER_MS));
}

document.addEventListener("visibilitychange", watchExpiry); // timers stand still while the computer sleeps
