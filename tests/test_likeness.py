"""Likeness: what may be twins share a key, and what cannot be hardly ever does."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage.aliases import Aliases
from spanledger.storage.likeness import SLACK_US, keys_asked, keys_of
from tests.records import NOON, batch, record

SLACK_S = SLACK_US / 1_000_000

TOLD = st.builds(
    lambda start, length, session: (start / 4, length / 4, session),
    st.integers(0, 80), st.integers(0, 60), st.sampled_from([None, "conversation-1", "conversation-2"]),
)  # fmt: skip


def aliases(start, length, session, **columns):
    started = NOON + timedelta(seconds=start)
    ended = started + timedelta(seconds=length)
    return Aliases.of(batch([record(1, started_at=started, ended_at=ended, session_id=session, **columns)]))


def share(asks, stands):
    return bool(np.isin(keys_asked(asks).keys, keys_of(stands).keys).any())


@given(TOLD, TOLD)
def test_records_that_may_be_one_call_share_a_key_both_ways(one, other):
    near = abs(one[0] - other[0]) <= SLACK_S or abs(one[0] + one[1] - other[0] - other[1]) <= SLACK_S
    sessions = {one[2], other[2]} - {None}
    left, right = aliases(*one), aliases(*other)
    if near and len(sessions) <= 1:
        assert share(left, right)
        assert share(right, left)
    if len(sessions) == 2:
        assert not share(left, right)
        assert not share(right, left)


def test_another_usage_and_another_time_share_none():
    first = aliases(0, 1, None)
    assert not share(first, aliases(0, 1, None, output_tokens=11))
    assert not share(first, aliases(100, 1, None))


def test_a_record_without_a_fingerprint_is_like_none():
    rows = batch([record(1)])
    at = rows.schema.get_field_index("fingerprint")
    none = Aliases.of(rows.set_column(at, rows.schema.field(at), pa.nulls(1, pa.uint64())))
    assert len(keys_of(none).keys) == len(keys_asked(none).keys) == 0


def test_bare_fingerprints_stand_under_the_days_on_which_a_record_begins_and_ends():
    over_midnight = aliases(11 * 3600 + 59 * 60, 120, None)
    stood = keys_of(over_midnight).with_prints(over_midnight)
    bare = stood.days[stood.keys == over_midnight.fingerprint[0]]
    assert bare.tolist() == [over_midnight.days[0], over_midnight.days[0] + 1]
