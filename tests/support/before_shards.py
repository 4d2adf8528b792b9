"""The service of before ids carried a shard, as far as ids of orders go: it knows the UUIDv5 of customer and key alone."""

from unittest.mock import patch

from asgi_app.asgi import application
from orders.domain.ids import earlier_order_id_of
from orders.services.checkout import checkout_request

__all__ = ["application"]

patch.object(checkout_request, "order_id_of", earlier_order_id_of).start()
