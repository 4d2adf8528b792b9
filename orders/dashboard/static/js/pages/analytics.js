// Reports on sales. Their code and Chart.js come when the page is opened.

import { h, show } from "../dom.js";

export default { name: "analytics", title: "Analytics", roles: ["vendor", "admin"], open };

function open(page) {
  const region = h("div", { class: "analytics" });
  let view = null;
  page.main.append(region);
  page.load(region, async (signal) => {
    const { AnalyticsView } = await import("../charts/view.js");
    if (signal.aborted) return [];
    view = new AnalyticsView(page);
    show(region, view.content);
    view.show();
    return view.content;
  });
  return () => view?.show({ isAnnounced: true });
}
