"""Pending: plans settle in order, and a failure ends the era of those that were made before it."""

import threading

from spanledger.storage.pending import Pending


def test_it_is_settled_when_as_many_were_done_with_as_made():
    pending = Pending()
    with pending:
        pending.add()
    assert pending
    waiting = threading.Thread(target=lambda: wait(pending))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    with pending:
        assert not pending.settle(pending.era, sound=True)
    waiting.join(10)
    assert not waiting.is_alive()
    assert not pending


def wait(pending):
    with pending:
        pending.settled()


def test_a_failure_ends_an_era_once_for_all_plans_that_were_made_in_it():
    pending = Pending()
    with pending:
        era = pending.era
        for _ in range(3):
            pending.add()
        assert pending.settle(era, sound=False)
        assert pending.era != era
        assert not pending.settle(era, sound=False), "it failed because the first did; what was planned since is sound"
        assert not pending.settle(pending.era, sound=True)
