"""Dead letters for admins: the list, their messages, retries and their outcomes."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest
import redis
from playwright.sync_api import expect

from tests.support import ids
from tests.support.accessibility import check_accessibility
from tests.support.dashboard_page import Dashboard, OpenDashboard, scrolls_sideways
from tests.support.payment import Payment
from tests.support.world import World

PATH = "/dashboard/dead-letters"
LIVE_SECONDS = 5
PAGE_SIZE = 20
HOSTILE = '{"a": "<img src=x onerror=alert(1)>\u202e", "long": "' + "x" * 3000 + '"}'


@pytest.fixture
def payment(world: World) -> Iterator[Payment]:
    """Yield Payment, played by the test itself."""
    with redis.Redis.from_url(world.stack.environment["REDIS_URL"]) as bus:
        yield Payment(world, bus)


def unusable(world: World) -> str:
    """Create a letter whose retry fails."""
    return world.dead_letter("{")


def test_a_letter_is_shown_with_its_reason_and_its_message_on_opening(
    open_dashboard: OpenDashboard, world: World
) -> None:
    order = world.shopper().place()
    letter_id = world.dead_letter(HOSTILE, order_id=order["id"])
    admin = world.admin()
    letter = admin.get("/admin/dead-letters", params={"limit": 1}).json()["results"][0]
    dashboard = open_dashboard(viewport={"width": 320, "height": 640})
    dashboard.sign_in(admin, PATH)
    row = dashboard.row(letter_id)
    for field in ("source", "attempts", "created_at", "order_id"):
        expect(row.get_by_test_id(f"cell-{field}")).to_have_attribute("data-value", str(letter[field]))
    expect(row.get_by_test_id("cell-reason")).to_have_text("a reason")
    expect(row.get_by_test_id("letter-message")).to_be_hidden()
    row.locator("summary").click()
    expect(row.get_by_test_id("letter-message")).to_be_visible()
    assert row.get_by_test_id("letter-message").text_content() == HOSTILE
    assert dashboard.page.locator("main img").count() == 0
    assert not scrolls_sideways(dashboard.page)
    row.get_by_role("link").click()
    dashboard.ready()
    expect(dashboard.main).to_have_attribute("data-page", "order")
    expect(dashboard.hook("order-number")).to_have_text(order["number"])


def test_a_letter_goes_when_its_retry_succeeds(dashboard: Dashboard, world: World, payment: Payment) -> None:
    """Even under the pointer."""
    ada, key = world.shopper(), str(uuid.uuid4())
    event = payment.event("captured", ids.order_id(ada.id, key))
    letter_id = world.dead_letter(json.dumps(event))
    order = ada.checkout(key=key).json()
    dashboard.sign_in(world.admin(), PATH)
    row = dashboard.row(letter_id)
    row.get_by_test_id("action-retry").click()
    expect(row).to_have_attribute("data-state", "retrying")
    expect(row.get_by_test_id("action-retry")).to_be_disabled()
    expect(row).to_have_count(0)
    assert "succeeded" in dashboard.toast("ok")
    ada.order_becomes(order["id"], payment_status="paid")


def test_a_letter_whose_retry_fails_shows_the_new_attempts_and_keeps_its_message_open(
    dashboard: Dashboard, world: World
) -> None:
    letter_id = unusable(world)
    dashboard.sign_in(world.admin(), PATH)
    row = dashboard.row(letter_id)
    row.locator("summary").click()
    for attempts in ("2", "3"):
        row.get_by_test_id("action-retry").click()
        expect(row).to_have_attribute("data-state", "retrying")
        expect(row.get_by_test_id("cell-attempts")).to_have_attribute("data-value", attempts)
        expect(row).not_to_have_attribute("data-state", "retrying")
        assert "failed" in dashboard.toast("error")
        expect(row.get_by_test_id("letter-message")).to_be_visible()
        expect(row.get_by_test_id("cell-reason")).not_to_have_text("a reason")


def test_a_retry_works_by_keyboard_and_leaves_the_focus_nearby(
    dashboard: Dashboard, world: World, payment: Payment
) -> None:
    order = world.shopper().place()
    unusable(world)
    letter_id = world.dead_letter(json.dumps(payment.event("captured", order["id"])))
    dashboard.sign_in(world.admin(), PATH)
    retry = dashboard.row(letter_id).get_by_test_id("action-retry")
    retry.focus()
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.row(letter_id)).to_have_count(0)
    assert dashboard.page.evaluate(
        "document.activeElement.closest('[data-testid=row]') === document.querySelector('[data-testid=row]')"
    )


def test_letters_come_and_go_within_5_s_as_others_make_and_retry_them(
    dashboard: Dashboard, world: World, payment: Payment
) -> None:
    order = world.shopper().place()
    usable = world.dead_letter(json.dumps(payment.event("captured", order["id"])))
    admin = world.admin()
    dashboard.sign_in(admin, PATH)
    dashboard.page.mouse.move(0, 0)
    before = time.monotonic()
    new = unusable(world)
    expect(dashboard.row(new)).to_have_attribute("data-new", "true")
    assert time.monotonic() - before < LIVE_SECONDS
    expect(dashboard.hook("announcer")).to_have_text("1 new dead letter.")
    assert admin.post(f"/admin/dead-letters/{usable}/retry").status_code == 202
    expect(dashboard.row(usable)).to_have_count(0)


def test_a_letter_that_somebody_else_has_retried_meanwhile_goes_too(dashboard: Dashboard, world: World) -> None:
    dashboard.expects("status of 404")
    letter_id = unusable(world)
    dashboard.sign_in(world.admin(), PATH)
    row = dashboard.row(letter_id)
    row.get_by_test_id("action-retry").hover()
    world.sql("DELETE FROM dead_letters WHERE id = %s", letter_id)
    row.get_by_test_id("action-retry").click()
    expect(row).to_have_count(0)


def test_letters_are_paged_and_a_retry_on_a_later_page_has_its_outcome_there(
    dashboard: Dashboard, world: World
) -> None:
    dashboard.expects("status of 404")
    letters = [unusable(world) for _ in range(PAGE_SIZE + 1)]
    dashboard.sign_in(world.admin(), PATH)
    assert dashboard.ids() == letters[::-1][:PAGE_SIZE]
    dashboard.click("next")
    row = dashboard.row(letters[0])
    row.get_by_test_id("action-retry").click()
    expect(row.get_by_test_id("cell-attempts")).to_have_attribute("data-value", "2")
    row.get_by_test_id("action-retry").focus()
    world.sql("DELETE FROM dead_letters WHERE id = %s", letters[0])
    row.get_by_test_id("action-retry").click(force=True)
    expect(row).to_have_count(0)
    dashboard.click("previous")
    assert dashboard.ids() == letters[::-1][:PAGE_SIZE]


def test_without_letters_the_page_says_so(dashboard: Dashboard, world: World) -> None:
    world.sql("DELETE FROM dead_letters")
    dashboard.sign_in(world.admin(), PATH)
    expect(dashboard.hook("empty")).to_contain_text("no dead letters")
    unusable(world)
    expect(dashboard.rows).to_have_count(1)


def test_the_page_is_accessible_while_a_message_is_open_and_another_letter_is_retried(
    dashboard: Dashboard, world: World
) -> None:
    opened, retried = world.dead_letter(HOSTILE, order_id=str(uuid.uuid4())), unusable(world)
    dashboard.sign_in(world.admin(), PATH)
    dashboard.row(opened).locator("summary").click()
    dashboard.row(retried).get_by_test_id("action-retry").click()
    dashboard.toast("ok")
    dashboard.page.route("**/api/v1/admin/dead-letters", lambda route: None)  # the outcome does not arrive
    expect(dashboard.row(retried)).to_have_attribute("data-state", "retrying")
    check_accessibility(dashboard)
