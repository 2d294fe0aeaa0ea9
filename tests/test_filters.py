"""The filters never deny a hash that the ledger holds, and hardly ever claim one that it does not."""

import numpy as np

from spanledger.storage.filters import DAYS_MAX, AliasFilters
from spanledger.storage.windows import DAY_US


def hashes(count, seed):
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)


def day(number, count):
    return np.full(count, number)


def test_what_was_added_is_found_under_its_day_only():
    filters = AliasFilters(lambda _: ())
    known = hashes(1000, seed=1)
    assert not filters.may_contain(known, day(5, 1000)).any()
    filters.add(known, day(5, 1000))
    assert filters.may_contain(known, day(5, 1000)).all()
    assert not filters.may_contain(known, day(6, 1000)).any()


def test_hours_before_and_after_midnight_belong_together():
    filters = AliasFilters(lambda _: ())
    known = hashes(1000, seed=1)
    filters.may_contain(known, day(5, 1000))
    filters.add(known, day(5, 1000))
    hour = 3600 * 1_000_000
    for hours, near in ((-7, False), (-5, True), (12, True), (29, True), (31, False)):
        times = day(5 * DAY_US + hours * hour, 1000)
        assert filters.may_contain_near(known, times, 6 * hour).all() == near


def test_a_day_is_filled_from_the_ledger_when_it_is_first_touched():
    known = hashes(1000, seed=2)
    asked = []

    def load(number):
        asked.append(number)
        return [known[:600], known[600:]] if number == 3 else []

    filters = AliasFilters(load)
    assert filters.may_contain(known, day(3, 1000)).all()
    assert filters.may_contain(known, day(3, 1000)).all()
    assert asked == [3]


def test_what_is_committed_for_a_day_never_asked_about_comes_from_the_ledger_later():
    committed = []
    filters = AliasFilters(lambda _: committed)
    one = hashes(10, seed=3)
    filters.add(one, day(9, 10))
    committed.append(one)
    assert filters.may_contain(one, day(9, 10)).all()


def test_after_a_failed_commit_only_the_ledger_is_asked():
    filters = AliasFilters(lambda _: ())
    one = hashes(10, seed=4)
    filters.may_contain(one, day(1, 10))
    filters.add(one, day(1, 10))
    filters.clear()
    assert not filters.may_contain(one, day(1, 10)).any()


def test_false_hits_stay_rare_while_a_chain_grows():
    filters = AliasFilters(lambda _: ())
    filters.may_contain(hashes(1, seed=5), day(1, 1))
    for turn in range(50):
        filters.add(hashes(8192, seed=100 + turn), day(1, 8192))
    strangers = hashes(1_000_000, seed=6)
    assert filters.may_contain(strangers, day(1, 1_000_000)).sum() < 3
    assert filters.may_contain(hashes(8192, seed=100), day(1, 8192)).all()


def test_random_dates_do_not_fill_the_memory():
    filters = AliasFilters(lambda _: ())
    for number in range(DAYS_MAX + 50):
        filters.may_contain(hashes(1, seed=7), day(number, 1))
    assert len(filters._days) == DAYS_MAX


def test_an_empty_ledger_is_asked_once_and_all_that_comes_is_remembered():
    asked = []
    filters = AliasFilters(asked.append)
    known = hashes(1000, seed=5)
    assert not filters.may_contain(known, day(1, 1000)).any()
    filters.add(known, day(7, 1000))
    assert filters.may_contain(known, day(7, 1000)).all()
    assert not filters.may_contain(known, day(8, 1000)).any()
    assert asked == [1]


def test_a_ledger_that_was_empty_is_asked_again_after_a_failed_commit():
    stored: list[list[np.ndarray] | None] = [None]
    filters = AliasFilters(lambda _: stored[0])
    one = hashes(10, seed=6)
    filters.may_contain(one, day(1, 10))
    filters.clear()
    stored[0] = [one]
    assert filters.may_contain(one, day(2, 10)).all()


def test_days_that_were_let_go_of_come_from_the_ledger_though_it_was_empty():
    stored: list[list[np.ndarray] | None] = [None]
    filters = AliasFilters(lambda _: stored[0])
    one = hashes(1, seed=7)
    filters.may_contain(one, day(0, 1))
    filters.add(one, day(0, 1))
    stored[0] = [one]
    for number in range(1, DAYS_MAX + 1):
        filters.may_contain(one, day(number, 1))
    assert filters.may_contain(one, day(0, 1)).all()
