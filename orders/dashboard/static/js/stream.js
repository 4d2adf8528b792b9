// Server-Sent Events (WHATWG HTML, 9.2) by fetch, because an EventSource cannot send the token.

import * as api from "./api.js";
import { changed, isHidden, retryLater } from "./live.js";

const SILENCE_MS = 40_000; // the service sends a comment every 15 s

/**
 * Read a stream until `signal` is aborted, and call `receive(entries)` with the new entries of each chunk, in order, each once.
 * It is closed while the page is hidden, and opened again after the last entry that has arrived.
 */
export async function readStream(path, receive, { signal, setState }) {
  const position = { id: "" };
  let failures = 0;
  const receiveNew = (entries) => {
    failures = 0;
    receive(entries);
  };
  while (!signal.aborted) {
    if (isHidden()) {
      setState("paused");
      await changed(signal);
      continue;
    }
    try {
      await readOnce(path, position, { signal, setState, receive: receiveNew });
      await changed(signal, 1000); // the service has closed it
    } catch (error) {
      if (signal.aborted || isHidden()) continue;
      failures += 1;
      await retryLater(failures, error, signal, setState);
    }
  }
}

async function readOnce(path, position, { signal, setState, receive }) {
  const connection = new AbortController();
  const close = () => connection.abort();
  const closeIfHidden = () => isHidden() && close();
  const options = { signal: connection.signal };
  signal.addEventListener("abort", close, options);
  document.addEventListener("visibilitychange", closeIfHidden, options);
  window.addEventListener("offline", close, options);
  let watchdog = setTimeout(close, SILENCE_MS);
  try {
    const headers = { Accept: "text/event-stream", ...(position.id && { "Last-Event-ID": position.id }) };
    const response = await api.send("GET", path, { headers, signal: connection.signal, timeout: 0 });
    setState("live");
    const events = new EventParser();
    for await (const chunk of chunks(response.body)) {
      clearTimeout(watchdog);
      watchdog = setTimeout(close, SILENCE_MS);
      const entries = events.feed(chunk);
      if (entries.length) {
        position.id = entries.at(-1).id;
        receive(entries.map(({ data }) => JSON.parse(data)));
      }
    }
  } finally {
    clearTimeout(watchdog);
    close();
  }
}

async function* chunks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

/** The parser of an event stream: `feed(text)` returns the events that are complete, {id, data}. */
class EventParser {
  #rest = "";
  #event = { data: [] };

  feed(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    return lines.map((line) => this.#line(line)).filter(Boolean);
  }

  #line(line) {
    if (line === "") {
      const { id, data } = this.#event;
      this.#event = { data: [] };
      return data.length ? { id, data: data.join("\n") } : null;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "id") this.#event.id = value;
    if (name === "data") this.#event.data.push(value);
    return null;
  }
}
