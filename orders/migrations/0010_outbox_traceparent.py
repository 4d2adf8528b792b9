"""The trace of an effect. The previous version does not write the column, and reads the others by name."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("orders", "0009_analytics")]
    operations: ClassVar = [
        migrations.AddField("outboxmessage", "traceparent", models.CharField(max_length=55, null=True)),
    ]
