"""The request bodies of vendor orders."""

from orders.http.serializers import Strict, Text, https_uri


class ShipInput(Strict):
    """How a parcel travels."""

    carrier = Text(max_length=100)
    tracking_number = Text(max_length=100)
    tracking_url = Text(required=False, default=None, max_length=500, validators=[https_uri])
