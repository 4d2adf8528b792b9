// What has changed in a list of the API since the last question, by `updated_since` and the versions of its records.

import { get } from "./api.js";

const OVERLAP_MS = 10_000; // `updated_at` is set before the commit, which comes some seconds later at most
const LIMIT = 100;

/** The changes of the list at `path`. Records that have been seen are known by their newest version. */
export class Changes {
  #known = new Map();
  #since = null;

  constructor(path) {
    this.path = path;
  }

  /** Return whether `begin` has to be called before `find`. */
  get hasBegun() {
    return this.#since !== null;
  }

  /** Find changes from now on. What has been read before may be outdated. */
  async begin(signal) {
    const { results: newest } = await get(this.path, { query: { ordering: "-updated_at", limit: 1 }, signal });
    this.#since = newest[0]?.updated_at ?? "";
  }

  /** Return the records that have changed, until `accept` is called with them. */
  async find(signal) {
    const recent = await this.#recent({}, signal);
    return recent.filter(({ id, version }) => !(this.#known.get(id)?.version >= version));
  }

  /** Return those of `changes` that the list has with these parameters. */
  async within(parameters, changes, signal) {
    if (!changes.length) return [];
    const changed = new Set(changes.map(({ id }) => id));
    const recent = await this.#recent(parameters, signal);
    return recent.filter(({ id }) => changed.has(id));
  }

  /** Do not find these changes again. */
  accept(changes) {
    for (const change of changes) this.newest(change);
    this.#since = changes.reduce((latest, { updated_at: at }) => (at > latest ? at : latest), this.#since);
  }

  /** Return the record, or its newer version where one is known: an answer may be older than that of an action meanwhile. */
  newest(record) {
    const known = this.#known.get(record.id);
    if (known?.version > record.version) return known;
    this.#known.set(record.id, record);
    return record;
  }

  async #recent(parameters, signal) {
    const since = this.#since && new Date(Date.parse(this.#since) - OVERLAP_MS).toISOString();
    const query = { ...parameters, updated_since: since, ordering: "-updated_at", limit: LIMIT };
    return (await get(this.path, { query, signal })).results;
  }
}
