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
    pending.settle(pending.era, sound=True)
    waiting.join(10)
    assert not waiting.is_alive()
    assert not pending


def wait(pending):
    with pending:
        pending.settled()


def test_nobody_who_plans_is_waited_for():
    pending = Pending()
    pending.add()
    settling = threading.Thread(target=lambda: pending.settle(pending.era, sound=True))
    with pending:
        settling.start()
        settling.join(10)
        assert not settling.is_alive()
    assert not pending


def test_several_may_wait_and_others_may_plan_meanwhile():
    pending = Pending()
    pending.add()
    waiting = [threading.Thread(target=lambda: wait(pending)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    with pending:
        pending.add()
    for _ in range(2):
        assert any(thread.is_alive() for thread in waiting)
        pending.settle(pending.era, sound=True)
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()


def test_a_failure_ends_an_era_once_for_all_plans_that_were_made_in_it():
    pending = Pending()
    first = pending.era
    for _ in range(4):
        pending.add()
    pending.settle(first, sound=False)
    second = pending.era
    assert second != first
    pending.settle(first, sound=False)
    assert pending.era == second, "it failed because the first did; what was planned since is sound"
    pending.settle(second, sound=True)
    assert pending.era == second
    pending.settle(second, sound=False)
    assert pending.era not in (first, second)
