"""Answers of a hostile server."""

from __future__ import annotations

import gzip

from tests.cli.hostile import Attack, endless, says
from tests.client.raw_server import http

MB = 2**20
CHUNKED = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
ROWS = b'{"data":[' + b'{"id":""},' * 1_500_000 + b'{"id":""}]}'
EVIL = '{"errors":[{"title":"\\u001b[2J\\u009b\\u202e","detail":"\x9b31m\u202e\r\n"}]}'.encode()


def ok(body: bytes) -> Attack:
    """Return an answer with 200 and this body."""
    return says(http(200, body))


def refused(body: bytes) -> Attack:
    """Return an answer with 422 and this body."""
    return says(http(422, body))


def page(row: str, pagination: str) -> Attack:
    """Return a page of one row with the given pagination."""
    return ok(f'{{"data":[{row}],"meta":{{"pagination":{{{pagination}}}}}}}'.encode())


GARBAGE: dict[str, Attack] = {
    "nothing": ok(b""),
    "null": ok(b"null"),
    "other types": ok(b'{"data":[{"id":5,"attributes":[]},null]}'),
    "nested deeply": ok(b'{"x":' + b'{"a":[' * 500_000),
    "bytes that are no text": ok(b'{"data":[{"id":"\xff\xfe"}]}'),
    "half a character": ok(b'{"data":[{"id":"\\ud800"}]}'),
    "the same member twice": ok(b'{"data":[],"data":5}'),
    "an integer of 5000 digits": page("", f'"total-pages":{"9" * 5000}'),
    "a number beyond all": page("", '"next-page":1e400'),
    "an id of megabytes": ok(b'{"data":{"id":"%s"}}' % (b"i" * 5_000_000)),
    "one line of another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no status": says(b"HTTP/1.1 \r\n\r\n"),
    "a negative length": says(b"HTTP/1.1 200 X\r\nContent-Length: -5\r\n\r\n"),
    "a length beyond all": says(b"HTTP/1.1 200 X\r\nContent-Length: 9%s\r\n\r\n" % (b"9" * 30)),
    "chunks that are none": says(CHUNKED + b"zz\r\n{}"),
    "a chunk beyond all": says(CHUNKED + b"f" * 20 + b"\r\n{}"),
    "no gzip": says(http(200, b"no gzip", Content_Encoding="gzip")),
}
TOO_MUCH: dict[str, Attack] = {
    "100 MB": endless(b"HTTP/1.1 200 X\r\nContent-Length: 104857600\r\n\r\n", b" " * 65536),
    "a body without end": endless(b"HTTP/1.1 200 X\r\n\r\n", b"[" * 65536),
    "a bomb": says(http(200, gzip.compress(bytes(64 * MB)), Content_Encoding="gzip")),
    "headers without end": endless(b"HTTP/1.1 200 X\r\n", b"X-A: b\r\n" * 8192),
    "a header without end": endless(b"HTTP/1.1 200 X\r\nX-A: ", b"a" * 65536),
    "trailers without end": endless(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 8192),
    "an answer and more": endless(http(200, b"{}"), b"x" * 65536),
}
TOO_SLOW: dict[str, Attack] = {
    "a body in drops": endless(b"HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n", b" ", 0.02),
    "a head in drops": endless(b"HTTP/1.1 200 X\r\nX-A: ", b" ", 0.02),
    "soon, soon, soon": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.02),
    "a size without end": endless(CHUNKED + b"1;", b"a" * 65536, 0.02),
}
LISTS: dict[str, Attack] = {
    "a billion pages": page("", '"total-pages":1000000000'),
    "a billion rows": page('{"id":"a"}', '"total-pages":1,"total-count":1000000000'),
    "thousands of pages with nothing": page("", '"total-pages":9999'),
    "less than no page": page("", '"next-page":-1,"total-pages":-5,"total-count":-5'),
    "the first page comes next": page('{"id":"a"}', '"next-page":1'),
    "the same page comes next": page('{"id":"a"}', '"next-page":2'),
    "a million rows": ok(ROWS),
    "what is included is none": ok(b'{"data":[],"included":[' + b"1," * 5_000_000 + b"1]}"),
}
REFUSALS: dict[str, Attack] = {
    "errors without end": refused(b'{"errors":[' + b"[]," * 5_000_000 + b"[]]}"),
    "errors in errors": refused(b'{"errors":[' + b"[" * 960 + b"]" * 960 + b"]}"),
    "errors of odd types": refused(b'{"errors":[{"title":["a"],"detail":5e300},7,null,true]}'),
    "errors for the terminal": says(http(422, EVIL, X_Request_Id="\x9b[31m")),
    "a redirect": says(http(302, Location="https://elsewhere.example/\x9b[31m")),
    "another protocol": says(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "a status of its own": says(b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"),
}
LOST = {**GARBAGE, **TOO_MUCH, **TOO_SLOW, "999": says(http(999))}
"""Answers that don't confirm a write."""
