// A coupon: its facts, its terms to change with a worked example, its redemptions and its history.

import { get } from "../api.js";
import { toast } from "../components/messages.js";
import { CouponActions } from "../coupons/coupon-actions.js";
import { Example } from "../coupons/example.js";
import { couponFacts } from "../coupons/facts.js";
import { CouponForm } from "../coupons/form.js";
import { History } from "../coupons/history.js";
import { Redemptions } from "../coupons/redemptions.js";
import { h, show } from "../dom.js";

export default { name: "coupon", title: "Coupon", roles: ["vendor", "admin"], open };

function open(page) {
  const region = h("div", { class: "coupon-page" });
  let redemptions = null;
  page.main.append(region);
  page.load(region, async (signal) => {
    const coupon = await get(`/coupons/${page.params.code}`, { signal });
    redemptions = new Redemptions(page, coupon);
    return couponParts(page, coupon, redemptions);
  });
  return () => redemptions?.turn();
}

/** Return the parts of the page of a coupon that has been read. */
function couponParts(page, coupon, redemptions) {
  const facts = h("div");
  const history = new History(page, coupon);
  const example = new Example();
  const actions = new CouponActions(page, coupon, changed);
  const form = new CouponForm({
    role: page.person.role,
    form: "change",
    coupon,
    submit: () => save(form, actions),
    changed: (values) => example.show(values),
  });
  function changed(now, how) {
    form.show(now, how);
    show(facts, couponFacts(page, now));
    history.read();
  }
  page.setTitle(`Coupon ${coupon.code}`);
  page.headerActions.replaceChildren(actions.element);
  show(facts, couponFacts(page, coupon));
  history.read();
  redemptions.open();
  return [facts, h("div", { class: "form-page" }, form.element, example.element), redemptions.element, history.element];
}

async function save(form, actions) {
  try {
    await actions.save(form.body());
  } catch (problem) {
    if (!problem.code) throw problem;
    const text = form.refuse(problem);
    if (text) toast("error", text);
  }
}
