// The dashboard: signs in, shows the page of the address, and ends with the session. Plain ES modules, without a build step.
//
// How to write a page. A page is a module in `pages/`, listed in `routes.js`, with the default export
//
//     { name: "coupons", title: "Coupons", roles: ["vendor", "admin"], open(page) { … } }
//
// `name` is data-page and data-testid of <main>. `open` puts its parts into `page.main` at once, and fills those that need data
// by `page.load(region, async (signal) => nodes)`: loading, error, retry and `data-ready` come with it (states.js). It may return
// a function `update(query)`, which is called when only the query of the address has changed (filters, paging, Back).
//
// - `page` (page.js): `params`, `query`, `person`, `signal` (aborted when the page is left), `setQuery`, `href`, `setTitle`,
//   `setCount`. Links are plain `<a href>`s made by `page.href("/coupons/new")`; a click on them loads no document.
// - Requests: `get` and `change` of api.js, `saveFile` of components/save-file.js, with `page.signal` or that of the load. They throw
//   ProblemError.
// - Elements: `h` of dom.js, which knows text and attributes only. `hook` is data-testid. The policy forbids style attributes.
// - Values: `amount`, `number`, `time`, `badge` of format.js, which set `data-value` to the API's text.
// - Lists: `LiveList` (components/live-list.js) with columns and filters; it keeps up with changes. `live: false` leaves that out.
// - Single objects: `readStream` (stream.js) and `liveIndicator` (components/live-indicator.js).
// - Actions: `button` (components/button.js) is disabled while its work runs; `toast` says the outcome, `announce` is for screen
//   readers, `confirm` and `FormDialog` (components/dialog.js) ask before.
// - Styles of a page alone: a file in `css/pages/`; colours, spaces and sizes are the custom properties of css/tokens.css.
// - Drawings: `js/charts/`, with `vendor/chart.js`, which is loaded when the page of analytics is opened.
//
// The service joins all modules to one script when it starts (orders/dashboard/modules.py): what is exported is a const, a
// function, a class or one default object, and no two modules import each other.

import * as shell from "./components/shell.js";
import { Page } from "./page.js";
import signIn from "./pages/sign-in.js";
import * as router from "./router.js";
import { pageAt } from "./routes.js";
import * as session from "./session.js";

let notice;

function show(path, query, open, anew) {
  const person = session.current();
  const { page: definition, params } = person ? pageAt(path, person.role) : { page: signIn, params: {} };
  if (open && !anew && open.definition === definition && open.path === path) {
    open.query = query;
    open.update?.(query);
    return open;
  }
  open?.leave();
  const page = new Page(definition, { params, query, person, path });
  shell.show(page);
  page.update = definition.open(page, notice);
  notice = undefined;
  page.heading.focus({ preventScroll: true });
  return page;
}

session.onChange((why) => {
  notice = why;
  router.render({ anew: true });
});
router.start(show);
