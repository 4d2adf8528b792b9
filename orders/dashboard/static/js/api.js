// The REST API, with the token of the session. Everything that the pages show or do passes through here.

import * as session from "./session.js";

/** The address of the dashboard, without a slash at its end: this file lies in `assets/<digest>/js`. */
export const DASHBOARD = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

const API = `${DASHBOARD.replace(/\/dashboard$/, "")}/api/v1`;
const TIMEOUT_MS = 20_000;
const UNREACHABLE_RETRY_SECONDS = 5;

/** A refused or failed request (RFC 9457). `errors` are those of invalid fields; `retryAfter` is in seconds, or null. */
export class ProblemError extends Error {
  constructor({ status = 0, code, detail, request_id: requestId = null, errors = [], retryAfter = null, ...more }) {
    super(detail);
    Object.assign(this, { status, code, detail, requestId, errors, retryAfter, more });
  }

  /** Return the reasons by field: {"carrier": "…"} for an error at "/carrier". */
  byField() {
    return Object.fromEntries(
      this.errors.map(({ pointer, detail }) => [pointer.replace(/^\//, "").replaceAll("/", "."), detail]),
    );
  }
}

/** GET a resource; `query` has the parameters, of which empty ones are left out. Return the body. */
export async function get(path, { query = {}, signal } = {}) {
  return read(await send("GET", path, { query, signal }), "json", signal);
}

/** POST, PATCH or DELETE; `version` is sent as If-Match. Return the body, null for 204. Throw ProblemError. */
export async function change(method, path, { body, version, signal } = {}) {
  const response = await send(method, path, { body: body ?? (method === "POST" ? {} : undefined), version, signal });
  return response.status === 204 ? null : read(response, "json", signal);
}

/** GET a file, such as CSV, as a Blob. */
export async function file(path, { query = {}, signal } = {}) {
  return read(await send("GET", path, { query, signal }), "blob", signal);
}

/** Send a request and return its response, which is a success. Throw ProblemError, or an AbortError once `signal` is aborted. */
export async function send(
  method,
  path,
  { query = {}, body, version, headers = {}, signal, token = session.bearer(), timeout = TIMEOUT_MS } = {},
) {
  const limits = [signal, timeout && AbortSignal.timeout(timeout)].filter(Boolean);
  const sent = { Authorization: `Bearer ${token}`, ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (version !== undefined) sent["If-Match"] = `"${version}"`;
  let response;
  try {
    response = await fetch(addressOf(path, query), {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", // nothing that was shown stays in the browser after signing out
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.any(limits),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && token === session.bearer()) session.end(problem.detail);
  throw problem;
}

async function read(response, form, signal) {
  try {
    return await response[form]();
  } catch (error) {
    throw signal?.aborted ? error : unreachable(); // the connection broke
  }
}

function addressOf(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parameters = new URLSearchParams(given).toString();
  return `${API}${path}${parameters && "?"}${parameters}`;
}

async function problemOf(response) {
  const { status, headers } = response;
  const seconds = Number.parseInt(headers.get("Retry-After"), 10);
  const common = { request_id: headers.get("X-Request-ID"), retryAfter: Number.isNaN(seconds) ? null : seconds };
  try {
    return new ProblemError({ ...common, ...(await response.json()), status });
  } catch {
    return new ProblemError({ ...common, status, code: `http_${status}`, detail: "The service gave no reason." });
  }
}

/** Return the problem of a connection that failed or broke. */
export function unreachable() {
  const detail = "The service cannot be reached. Check your connection.";
  return new ProblemError({ code: "unreachable", detail, retryAfter: UNREACHABLE_RETRY_SECONDS });
}
