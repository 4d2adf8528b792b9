"""The syntax of links (RFC 3986, appendix A). Pure."""

import ipaddress
import re

_UNRESERVED_AND_SUB_DELIMS = r"A-Za-z0-9._~!$&'()*+,;=\-"
_PCT_ENCODED = "%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED_AND_SUB_DELIMS}:@]|{_PCT_ENCODED})"
_HTTPS_URI = re.compile(
    r"(?i:https)://"
    rf"(?:(?:[{_UNRESERVED_AND_SUB_DELIMS}]|{_PCT_ENCODED})+"  # reg-name or IPv4address
    rf"|\[(?:(?P<ipv6>[0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[{_UNRESERVED_AND_SUB_DELIMS}:]+)\])"
    r"(?::(?P<port>[0-9]*))?"
    rf"(?:/{_PCHAR}*)*"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?"
    rf"(?:#(?:{_PCHAR}|[/?])*)?"
)
_MAX_PORT = 65535


def is_https_uri(text: str) -> bool:
    """Return whether `text` is an absolute https URI with a host (RFC 9110, 4.2.2) and without user info."""
    found = _HTTPS_URI.fullmatch(text)
    if found is None:
        return False
    port, ipv6 = found["port"], found["ipv6"]
    return (not port or 0 < int(port) <= _MAX_PORT) and (ipv6 is None or _is_ipv6(ipv6))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
