"""Money: integer minor units internally, decimal strings in the API; and the number of decimals of each currency."""

import re
from decimal import Decimal

MAX_MINOR = 2**53 - 1
"""The largest amount: messages carry amounts as JSON numbers, which are exact up to here (RFC 7493, 2.2)."""

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW"
    " CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR"
    " ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV"
    " MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD"
    " SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()}
"""Decimals of each currency of ISO 4217 (list one, active codes)."""


def to_decimal_string(minor: int, currency: str) -> str:
    """Return `minor` units of `currency` (ISO 4217) as a decimal string: 1999 EUR is "19.99", 1999 JPY "1999", 1999 KWD "1.999".

    Raises KeyError for a currency that is not in ISO 4217.
    """
    decimals = DECIMALS[currency]
    if decimals == 0:
        return str(minor)
    digits = str(abs(minor)).zfill(decimals + 1)
    return f"{'-' if minor < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"


def to_decimal(minor: int, currency: str) -> Decimal:
    """Return `minor` units of `currency` in whole units: 1999 EUR is 19.99."""
    return Decimal(minor).scaleb(-DECIMALS[currency])


_AMOUNT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,4})?")


def read_amount(text: str) -> Decimal:
    """Return the whole units of a decimal string ("20", "20.00") whose currency is unknown.

    Raises ValueError, also for an amount above MAX_MINOR in a currency without decimals.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError("Not a decimal number like 20.00.")
    if abs(amount := Decimal(text)) > MAX_MINOR:
        raise ValueError(f"Amounts are at most {MAX_MINOR}.")
    return amount


def same_amount(text: str, minor: int, currency: str) -> bool:
    """Return whether a decimal string ("20", "20.0", "20.00") is exactly `minor` units of `currency`."""
    return Decimal(text) == Decimal(minor).scaleb(-DECIMALS[currency])
