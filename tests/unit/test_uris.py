"""Links are https URIs by RFC 3986 without user info."""

import pytest

from orders.domain.uris import is_https_uri

GOOD = [
    "https://dhl.example",
    "https://dhl.example/",
    "HTTPS://DHL.EXAMPLE/track?id=1#at",
    "https://tracking/JD0146",
    "https://track_me.example/a_b",
    "https://xn--bcher-kva.example/",
    "https://127.0.0.1/x",
    "https://[2001:db8::1]:8443/x",
    "https://[::ffff:192.0.2.1]/",
    "https://[v1.fe80::a+en1]/",
    "https://b%C3%BCcher.example/%E2%98%83",
    "https://dhl.example:443/",
    "https://dhl.example:65535",
    "https://dhl.example:/",
    "https://dhl.example?x=1",
    "https://dhl.example#x",
    "https://dhl.example//a//b;c=1,2/@me:x!$&'()*+=~-._",
    "https://dhl.example/?q=a/b?c&d=:@",
    "https://dhl.example/" + "x" * 480,
]
BAD = [
    "",
    "https:",
    "https:/dhl.example/",
    "https://",
    "https:///path",
    "https://:443/",
    "https://?x",
    "http://dhl.example/",
    "ftp://dhl.example/",
    "javascript:alert(1)",
    "//dhl.example/",
    "dhl.example/1",
    " https://dhl.example/",
    "https://dhl.example/ ",
    "https://dhl.example/\n",
    "https://dhl.example/a b",
    "https://dhl .example/",
    "https://dhl.example\\@evil.example/",
    "https://dhl.example/\\x",
    "https://ada@dhl.example/",
    "https://ada:pw@dhl.example/",
    "https://@dhl.example/",
    "https://:@dhl.example/",
    "https://dhl.example%40evil@x/",
    "https://bücher.example/",
    "https://dhl.example/☃",
    "https://dhl.example/%",
    "https://dhl.example/%2",
    "https://dhl.example/%zz",
    "https://dhl.example/?%2x",
    "https://dhl.example/<script>",
    'https://dhl.example/"',
    "https://dhl.example/{x}",
    "https://dhl.example/[x]",
    "https://dhl.example/?[x]",
    "https://dhl.example/^|`",
    "https://dhl.example/#a#b",
    "https://dhl.example:0/",
    "https://dhl.example:65536/",
    "https://dhl.example:+1/",
    "https://dhl.example:١/",
    "https://dhl.example:80:80/",
    "https://[::1/",
    "https://::1]/",
    "https://::1/",
    "https://[dhl.example]/",
    "https://[1::2::3]/",
    "https://[fe80::1%25eth0]/",
    "https://[]/",
    "https://[::1]x/",
    "https://dhl.example/\0",
    "https://dhl.example/\u200b",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_https_uri_is_accepted(text: str) -> None:
    assert is_https_uri(text)


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_any_other_text_is_refused(text: str) -> None:
    assert not is_https_uri(text)
