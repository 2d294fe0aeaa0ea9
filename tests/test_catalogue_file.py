"""A catalogue as bytes comes back as it was, or not at all."""

import dataclasses
import zlib
from datetime import timedelta

import pytest

from spanledger.processors.pricing.catalogue import CatalogueError
from spanledger.processors.pricing.catalogue_file import FORMAT, MAGIC, dump, identified, load
from spanledger.processors.pricing.price import price
from spanledger.processors.pricing.price_book import PriceBook
from tests.price_calls import CATALOGUE, GPT_4O, NOON, batch

CONTENT = dump(CATALOGUE)


def test_what_was_dumped_prices_the_same_calls_the_same_way() -> None:
    again = load(CONTENT)
    assert (again.id, again.source) == (CATALOGUE.id, CATALOGUE.source)
    assert again.rows == CATALOGUE.rows
    assert again.conditions == CATALOGUE.conditions
    calls = batch(
        [
            GPT_4O | {"request_model": model, "residency": residency, "started_at": NOON - timedelta(days)}
            for model in ("gpt-6-sol", "o3", "nobody's")
            for residency in (None, "eu")
            for days in (0, 40, 600)
        ]
    )
    assert price(calls, PriceBook(again)).equals(price(calls, PriceBook(CATALOGUE)))


def test_the_same_catalogue_makes_the_same_bytes_and_it_is_small() -> None:
    assert dump(load(CONTENT)) == CONTENT
    assert len(CONTENT) < 200_000


def test_the_id_follows_what_decides_on_a_price_and_not_where_it_is_from() -> None:
    assert identified(dataclasses.replace(CATALOGUE, source="elsewhere")).id == CATALOGUE.id
    fewer = dataclasses.replace(CATALOGUE, conditions=CATALOGUE.conditions[1:])
    assert identified(fewer).id != CATALOGUE.id


@pytest.mark.parametrize("length", [0, 5, len(MAGIC), len(MAGIC) + 2, 100, len(CONTENT) // 2, len(CONTENT) - 1])
def test_what_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(CatalogueError, match=r"^prices\.bin is (no catalogue of Spanledger|cut off or damaged) *"):
        load(CONTENT[:length], "prices.bin")


def test_a_newer_format_is_refused_and_says_what_to_do() -> None:
    newer = MAGIC + b"%d\n" % (FORMAT + 1) + zlib.compress(b"{}")
    with pytest.raises(CatalogueError) as refused:
        load(newer, "prices.bin")
    assert str(refused.value) == "prices.bin is of format 2, newer than 1, which is read here: update Spanledger"


def test_what_was_changed_by_hand_is_refused() -> None:
    head, _, body = CONTENT.partition(b"\n")
    changed = head + b"\n" + zlib.compress(zlib.decompress(body).replace(b"2500000", b"2400000", 1))
    with pytest.raises(CatalogueError, match="the catalogue was changed: its content is not that of"):
        load(changed)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": 1}', b"\xff", b"nothing"])
def test_what_is_no_catalogue_is_refused(body: bytes) -> None:
    with pytest.raises(CatalogueError, match="the catalogue is cut off or damaged"):
        load(MAGIC + b"1\n" + zlib.compress(body))
