"""Acknowledged means stored, and counted once, at whatever moment the server is killed."""

from pathlib import Path

import pytest

from tests.crash import CLEAN, survive

KILLS = 25


@pytest.mark.slow
def test_a_server_killed_under_load_loses_no_acknowledged_span_and_counts_none_twice(tmp_path: Path):
    survival = survive(kills=KILLS, seed=20_261_122, folder=tmp_path)

    assert survival.after_kills == CLEAN, survival
    assert survival.after_resend == CLEAN, survival
    # the run was worth its name: requests were answered, and some were cut off by a kill
    assert survival.acknowledged_requests > KILLS, survival
    assert survival.resent_requests > 0, survival
