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
  const form = new CouponForm({
    role: page.person.role,
    submit: () => create(page, form),
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

/** A vendor's coupon has its own vendor, which is not part of the form. */
function withVendor({ person }, values) {
  return person.role === "vendor" ? { ...values, vendor_id: person.vendorId } : values;
}

async function create(page, form) {
  try {
    const [address, text] = await (form.form === "batch"
      ? createBatch(page, form.body())
      : createCoupon(page, form.body()));
    if (!page.signal.aborted) navigate(address);
    if (session.current() === page.person) toast("ok", text);
  } catch (problem) {
    if (!problem.code) throw problem;
    form.refuse(problem);
  }
}

async function createCoupon(page, body) {
  const { code } = await change("POST", "/coupons", { body });
  return [page.href(`/coupons/${code}`), `Coupon ${code} created.`];
}

async function createBatch(page, body) {
  const { id, count } = await change("POST", "/coupon-batches", { body, headers: { "Idempotency-Key": keyOf(body) } });
  lastBatch.text = ""; // the same once more is another batch
  return [page.href("/coupons", { batch_id: id }), `${counted(count, "code")} created.`];
}

const lastBatch = { text: "", key: "" };

/** Return the Idempotency-Key of a batch. It stays the same while the same batch is sent again, because an answer was lost. */
function keyOf(body) {
  const text = JSON.stringify(body);
  if (lastBatch.text !== text) Object.assign(lastBatch, { text, key: randomKey() });
  return lastBatch.key;
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
