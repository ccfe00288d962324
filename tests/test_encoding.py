"""Which encodings of text files are read, and what is said of the others."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.text import as_utf8, decoded, why_not_text

MARKED = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
TEXTS = st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"))


@given(TEXTS, st.sampled_from(sorted(MARKED)))
def test_a_marked_text_is_read_as_it_was_written(text: str, encoding: str) -> None:
    """The mark is not part of the text; UTF-8 needs none."""
    data = MARKED[encoding] + text.encode(encoding)
    assert decoded(data) == text
    assert as_utf8(data).decode() == text


UMLAUT = "prod-über".encode("cp1252")
REFUSED = {
    b"name\n" + UMLAUT: (
        "it is not UTF-8 text (byte 11): in line 2 it looks like Windows-1252. Save it as UTF-8"
    ),
    b"name\n\x81\n": "it is not UTF-8 text (byte 6)",
    "ü\nprod-ü".encode()[:-1]: "it is not UTF-8 text (byte 9)",
    "José".encode("cp1252"): (
        "it is not UTF-8 text (byte 4): in line 1 it looks like Windows-1252. Save it as UTF-8"
    ),
    "name\nprod\n".encode("utf-16-le"): (
        "it is not UTF-8 text (byte 2): it looks like UTF-16 without a byte order mark. "
        "Save it as UTF-8"
    ),
    "näme\n".encode("utf-16-be"): (
        "it is not UTF-8 text (byte 4): it looks like UTF-16 without a byte order mark. "
        "Save it as UTF-8"
    ),
    b"name\nprod\0\n": "it is not text (byte 10 is NUL)",
    b"%PDF-1.4\n%\xe2\xe3\x01": "it is not UTF-8 text (byte 11)",
    b"\x1f\x8b\x08\0\0\0\0\0": "it is not UTF-8 text (byte 2)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(30): (
        "it is a ZIP archive or an Excel workbook, not text. Export it as CSV in UTF-8"
    ),
    b"\xe0" + bytes(30): "it is not UTF-8 text (byte 1)",
    "name".encode("utf-16") + b"x": "it is not UTF-16 text (byte 11)",
    codecs.BOM_UTF32_LE + b"\xff\xff\xff\xff": "it is not UTF-32 text (byte 5)",
    "a\0b".encode("utf-16"): "it is not text (byte 5 is NUL)",
    b"PK\x03\x04\x14\0\x06\0\x08\0": (
        "it is a ZIP archive or an Excel workbook, not text. Export it as CSV in UTF-8"
    ),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.items(), ids=REFUSED.values())
def test_what_is_not_read_is_named(data: bytes, words: str) -> None:
    """The words say what the file looks like and what to do, and quote nothing of it."""
    with pytest.raises(UnicodeDecodeError) as caught:
        decoded(data)
    assert why_not_text(caught.value) == words


def test_text_that_can_not_be_written_has_no_place() -> None:
    """A lone surrogate has no byte to name."""
    with pytest.raises(UnicodeEncodeError) as caught:
        "\ud800".encode()
    assert why_not_text(caught.value) == "it is not UTF-8 text"


@given(st.binary(max_size=40) | st.binary(max_size=40).map(codecs.BOM_UTF16_LE.__add__))
def test_any_bytes_are_text_or_named(data: bytes) -> None:
    """Nothing is read that the same encoding wouldn't write; no NUL is in a text."""
    text = as_utf8(data).decode(errors="replace").removeprefix("\ufeff")
    try:
        assert decoded(data) == text
    except UnicodeDecodeError as error:
        words = why_not_text(error)
        assert words.isprintable()
        assert "\0" in text or "\ufffd" in text or "ZIP" in words
