"""`claim_outbox`, the claim of the relay, as a function whose plan uses indexes alone.

The outbox is empty most of the time. A plan made then reads the whole table for each row, and stays in use when thousands of
rows arrive (docs/decisions.md). `enable_seqscan` is off within the function only, and its plans are made there. `OFFSET 0` keeps
the look for an earlier row a subquery, and `+ 0` the primary key out of it, so that only the index of the order is left.

The previous version has the same statement of its own, so both can run side by side.
"""

from typing import ClassVar

from django.db import migrations

CLAIM = """
CREATE FUNCTION claim_outbox(lease_seconds double precision, is_publish boolean, is_event boolean, batch integer)
RETURNS TABLE (claimed_id bigint, claimed_payload text) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    UPDATE outbox SET attempts = attempts + 1, available_at = now() + make_interval(secs => lease_seconds)
    WHERE id = ANY(ARRAY(
        SELECT due.id FROM outbox AS due
        WHERE due.available_at <= now() AND (due.kind = 'publish') = is_publish AND (due.lane = 'events') = is_event
            AND NOT EXISTS (
                SELECT 1 FROM outbox AS earlier
                WHERE earlier.order_id = due.order_id AND earlier.lane = due.lane AND earlier.id + 0 < due.id OFFSET 0)
        ORDER BY due.available_at LIMIT batch FOR UPDATE SKIP LOCKED))
    RETURNING id, payload::text;
END $$"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("orders", "0007_coupons")]
    operations: ClassVar = [
        migrations.RunSQL(CLAIM, "DROP FUNCTION claim_outbox(double precision, boolean, boolean, integer)"),
    ]
