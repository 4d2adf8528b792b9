// A new coupon, or a batch of them: a form with a worked example beside it.

import { change } from "../api.js";
import { toast } from "../components/messages.js";
import { Example } from "../coupons/example.js";
import { CouponForm } from "../coupons/form.js";
import { h } from "../dom.js";
import { counted } from "../format.js";
import { navigate } from "../router.js";
import * as session from "../session.js";

export default { name: "coupon-new", title: "New coupon", roles: ["vendor", "admin"], open };

function open(page) {
  const example = new Example();
  const keys = new Keys();
  const form = new CouponForm({
    role: page.person.role,
    submit: () => create(page, form, keys),
    changed: (values) => example.show(withVendor(page, values)),
  });
  const other = h("a", { class: "button" });
  page.headerActions.append(other);
  page.main.append(h("div", { class: "form-page" }, form.element, example.element));
  form.buttons.append(h("a", { class: "button button-quiet", href: page.href("/coupons") }, "Back to the coupons"));
  function showForm({ batch }) {
    form.setForm(batch ? "batch" : "one");
    page.setTitle(batch ? "New batch of codes" : "New coupon");
    other.textContent = batch ? "One coupon instead" : "A batch of codes instead";
    other.href = page.hrefWith({ batch: batch ? "" : "1" });
    other.dataset.testid = batch ? "batch-none" : "batch-new";
  }
  showForm(page.query);
  return showForm;
}

/** Return the values with a vendor's own id, which is not part of its form. */
function withVendor({ person }, values) {
  return person.role === "vendor" ? { ...values, vendor_id: person.vendorId } : values;
}

async function create(page, form, keys) {
  try {
    const [address, text] = await (form.form === "batch"
      ? createBatch(page, form.body(), keys)
      : createCoupon(page, form.body()));
    if (!page.signal.aborted) navigate(address);
    if (session.current() === page.person) toast("ok", text);
  } catch (problem) {
    if (!problem.code) throw problem;
    const text = form.refuse(problem);
    if (text && session.current() === page.person) toast("error", text);
  }
}

async function createCoupon(page, body) {
  const { code } = await change("POST", "/coupons", { body });
  return [page.href(`/coupons/${code}`), `Coupon ${code} created.`];
}

async function createBatch(page, body, keys) {
  const headers = { "Idempotency-Key": keys.of(body) };
  const { id, count } = await change("POST", "/coupon-batches", { body, headers });
  return [page.href("/coupons", { batch_id: id }), `${counted(count, "code")} created.`];
}

/** Idempotency-Keys: that of a body stays the same while it is sent again and again, because an answer was lost. */
class Keys {
  #last = { text: "", key: "" };

  of(body) {
    const text = JSON.stringify(body);
    if (this.#last.text !== text) this.#last = { text, key: randomKey() };
    return this.#last.key;
  }
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
