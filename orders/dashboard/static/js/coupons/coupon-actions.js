// What can be done with a coupon: to save its terms, disable or enable it, and delete it. Each says its outcome.

import { change, get } from "../api.js";
import { whileBusy } from "../components/button.js";
import { confirm } from "../components/dialog.js";
import { toast } from "../components/messages.js";
import { h } from "../dom.js";
import { navigate } from "../router.js";
import * as session from "../session.js";
import { changeElements, differences } from "./changes.js";

/** The actions of the `coupon` of a page. `changed(coupon, {keepTyped})` gets it as the API has it afterwards. */
export class CouponActions {
  constructor(page, coupon, changed) {
    Object.assign(this, { page, coupon, changed });
    const danger = "button button-quiet button-danger-quiet";
    this.toggle = h("button", { type: "button", class: "button", onclick: () => this.#toggle() });
    this.delete = h(
      "button",
      { hook: "coupon-delete", type: "button", class: danger, onclick: () => this.#delete() },
      "Delete",
    );
    this.element = h("div", { class: "page-actions" }, this.toggle, this.delete);
    this.#show();
  }

  /** Save these terms. Throw the ProblemError of refused input. */
  async save(body) {
    if (Object.keys(body).length === 0) toast("ok", "There is nothing to save: no term has changed.");
    else await this.#do(() => this.#send("PATCH", body), "saved", { isForm: true });
  }

  #toggle() {
    const isActive = !this.coupon.is_active;
    const done = isActive ? "enabled" : "disabled: no order can use it";
    return whileBusy(this.toggle, () => this.#do(() => this.#send("PATCH", { is_active: isActive }), done));
  }

  async #delete() {
    const { code } = this.coupon;
    const text =
      "No order can use it any more, and its history cannot be read here. Orders placed keep what they got. It cannot be undone.";
    if ((await confirm({ title: `Delete coupon ${code}?`, text, yes: "Delete the coupon" })) === undefined) return;
    await whileBusy(this.delete, () => this.#do(() => this.#send("DELETE"), "deleted"));
  }

  #send(method, body) {
    const { code, version } = this.coupon;
    return change(method, `/coupons/${code}`, { body, version });
  }

  /** Run an action and say its outcome. After a conflict the coupon is read anew: somebody else was faster. */
  async #do(work, done, { isForm = false } = {}) {
    try {
      const now = await work();
      if (now) this.#take(now, { keepTyped: !isForm });
      else if (!this.page.signal.aborted) navigate(this.page.href("/coupons"));
      this.#say("ok", `Coupon ${this.coupon.code} ${done}.`);
    } catch (problem) {
      if (!problem.code) throw problem;
      if (isForm && problem.status === 400) throw problem;
      this.#say("error", problem.status === 412 ? await this.#conflict(problem) : withRequest(problem));
    }
  }

  async #conflict(problem) {
    try {
      const before = this.coupon;
      this.#take(await get(`/coupons/${before.code}`), { keepTyped: true });
      const changes = changeElements(differences(before, this.coupon), this.coupon.currency);
      return `Not done: coupon ${before.code} has been changed meanwhile. ${changes.map(({ textContent }) => textContent).join("; ")}.`;
    } catch {
      return `Not done. ${problem.detail}`;
    }
  }

  #take(coupon, how) {
    this.coupon = coupon;
    this.#show();
    this.changed(coupon, how);
  }

  #show() {
    const isActive = this.coupon.is_active;
    this.toggle.textContent = isActive ? "Disable" : "Enable";
    this.toggle.dataset.testid = isActive ? "coupon-disable" : "coupon-enable";
  }

  #say(kind, text) {
    if (session.current() === this.page.person) toast(kind, text);
  }
}

function withRequest({ detail, requestId }) {
  return requestId ? `${detail} (request ${requestId})` : detail;
}
