// Reports on sales.

import { AnalyticsView } from "../charts/view.js";
import { h } from "../dom.js";

export default { name: "analytics", title: "Analytics", roles: ["vendor", "admin"], open };

function open(page) {
  const view = new AnalyticsView(page);
  page.main.append(h("div", { class: "analytics" }, view.content));
  view.show();
  return () => view.show({ isAnnounced: true });
}
