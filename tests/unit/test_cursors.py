"""The signature of cursors while DJANGO_SECRET_KEY is changed (docs/operations.md, "Rotate keys and secrets")."""

import pytest
from django.core.signing import BadSignature
from django.test import override_settings

from orders.http import pagination

OLD, NEW = "the old key of fifty characters, for this test only", "the new key of fifty characters, for this test only"


def test_a_cursor_of_the_fallback_is_valid_and_one_without_either_key_is_not() -> None:
    with override_settings(SECRET_KEY=OLD, SECRET_KEY_FALLBACKS=[NEW]):
        cursor = pagination._signer().sign("a position")
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD]):
        assert pagination._signer().unsign(cursor) == "a position"
        assert pagination._signer().sign("a position") != cursor
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[]), pytest.raises(BadSignature):
        pagination._signer().unsign(cursor)
