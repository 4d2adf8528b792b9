// Elements are built from attributes and text, never from markup: what people wrote cannot become an element.

/**
 * Return an element. In `attributes`, `hook` is data-testid, a function is the listener of the event `on…`, true sets an
 * empty attribute, and null, undefined and false leave one out. Children are nodes, texts, numbers, or arrays of them; null,
 * undefined and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else setAttribute(element, name === "hook" ? "data-testid" : name, value);
  }
  element.append(...nodes(children));
  return element;
}

/** Set an attribute, or remove it for null, undefined and false. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

/** Replace the children of an element, unless it has exactly these: what is kept keeps its focus and its scroll position. */
export function show(element, ...children) {
  const wanted = nodes(children);
  const present = [...element.childNodes];
  if (wanted.length === present.length && wanted.every((node, index) => node === present[index])) return;
  keepingFocus(element, () => element.replaceChildren(...wanted));
}

/**
 * Make the children of `parent` those of `items`, by key. Elements are kept, and stay where they are as long as their order
 * does; `create(item)` makes a missing one, `update(element, item)` changes a kept one.
 */
export function reconcile(parent, items, { key, create, update }) {
  const kept = new Map([...parent.children].map((element) => [element.dataset.id, element]));
  const wanted = items.map((item) => {
    const element = kept.get(key(item));
    if (!element) return create(item);
    kept.delete(key(item));
    update(element, item);
    return element;
  });
  for (const element of kept.values()) element.remove();
  let place = parent.firstElementChild;
  for (const element of wanted) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}

/** Run `change`, and give the focus back if its holder in `element` is replaced: to the element of the same hook, else nearby. */
export function keepingFocus(element, change) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (focused && !focused.isConnected) focusWithin(element, focused.dataset.testid);
}

/** Focus the element of this hook, else one of its kind (`action-…`), else the first that can be used, else `element`. */
export function focusWithin(element, hook = "") {
  const kind = `${hook.split("-")[0]}-`;
  const usable = [...element.querySelectorAll("a[href], button, input, select, summary")].filter(
    (one) => !one.disabled,
  );
  const ofHook = usable.find((one) => one.dataset.testid === hook);
  const found = ofHook ?? usable.find((one) => one.dataset.testid?.startsWith(kind)) ?? usable[0] ?? element;
  if (found === element) element.tabIndex = -1;
  found.focus({ preventScroll: true });
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
