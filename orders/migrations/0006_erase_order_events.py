"""`erase_order_events`, the one exception to the append-only audit trail: it erases personal data.

The function clears the free text in `data` and the request ids, which clients may choose, and replaces the customer's id by
a pseudonym; nothing calls it yet. While it runs it names the order in a setting of the transaction, and the trigger then
permits the change of an entry to its erased form only, so that setting it by hand cannot forge an entry.

Security: the function runs with its caller's rights (SECURITY INVOKER), so EXECUTE alone permits no change of an entry. The
owner of the table can drop any trigger; this one guards against mistakes and injected statements, not against its owner.

Only functions are created and replaced: no table is locked, and the previous version can write during a rolling deployment.
"""

from typing import ClassVar

from django.db import migrations

ERASED = """
CREATE FUNCTION erased_order_event(entry order_events) RETURNS order_events LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    entry.request_id := '';
    IF entry.actor_role NOT IN ('system', 'payment') AND entry.data ? 'reason' THEN
        entry.data := entry.data || '{"reason": ""}';
    END IF;
    IF entry.data ? 'replaced' THEN
        entry.data := entry.data || '{"replaced": {"carrier": "", "tracking_number": "", "tracking_url": null}}';
    END IF;
    RETURN entry;
END $$"""
ERASE = """
CREATE FUNCTION erase_order_events(order_id uuid, pseudonym text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    person text := (
        SELECT e.actor_id FROM order_events e WHERE e.order_id = erase_order_events.order_id AND e.type = 'order.placed');
BEGIN
    IF pseudonym !~ '^erased-.{16}$' THEN
        RAISE EXCEPTION 'a pseudonym is "erased-" and 16 characters';
    END IF;
    PERFORM set_config('orders.erasing', erase_order_events.order_id::text, true);
    UPDATE order_events e SET
        actor_id = CASE e.actor_id WHEN person THEN pseudonym ELSE e.actor_id END,
        request_id = (erased_order_event(e)).request_id,
        data = (erased_order_event(e)).data
    WHERE e.order_id = erase_order_events.order_id;
    PERFORM set_config('orders.erasing', '', true);
END $$"""
REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased order_events;
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('orders.erasing', true) = OLD.order_id::text THEN
        erased := erased_order_event(OLD);
        IF NEW.actor_id LIKE 'erased-%' THEN
            erased.actor_id := NEW.actor_id;
        END IF;
        IF NEW IS NOT DISTINCT FROM erased THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$"""
REFUSE_ALWAYS = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("orders", "0005_items_of_product_by_vendor")]
    operations: ClassVar = [
        migrations.RunSQL(ERASED, "DROP FUNCTION erased_order_event(order_events)"),
        migrations.RunSQL(REFUSE, REFUSE_ALWAYS),
        migrations.RunSQL(ERASE, "DROP FUNCTION erase_order_events(uuid, text)"),
    ]
