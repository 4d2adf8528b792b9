"""The service as it derived order ids before they carried a shard: a UUIDv5 of the customer and the key."""

from unittest.mock import patch

from asgi_app.asgi import application
from orders.domain.ids import earlier_order_id_of
from orders.services.checkout import checkout_request

__all__ = ["application"]

patch.object(checkout_request, "order_id_of", earlier_order_id_of).start()
