"""Detection of blank text in user input, by Unicode categories. Pure."""

import unicodedata

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
"""Controls, format characters (zero-width joiner, soft hyphen), surrogates, separators, and marks without a base."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Hangul fillers, the blank braille pattern and the null note head: letters and symbols without a glyph."""


def has_visible_character(text: str) -> bool:
    """Return whether `text` has at least one visible character (Unicode: General_Category)."""
    return any(unicodedata.category(one) not in _UNSEEN_CATEGORIES and one not in _BLANK_LETTERS for one in text)
