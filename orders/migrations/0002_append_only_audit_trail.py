"""The audit trail is append-only: PostgreSQL itself refuses to change or delete an entry."""

from typing import ClassVar

from django.db import migrations

REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$"""
EACH_ROW = """
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON order_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change()"""
ALL_ROWS = """
CREATE TRIGGER order_events_no_truncate BEFORE TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("orders", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION refuse_change()"),
        migrations.RunSQL(EACH_ROW, "DROP TRIGGER order_events_append_only ON order_events"),
        migrations.RunSQL(ALL_ROWS, "DROP TRIGGER order_events_no_truncate ON order_events"),
    ]
