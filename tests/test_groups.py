"""Records that share a name are one group, through any chain of names."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanledger.storage.groups import connected, most_complete

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=20)


def as_array(pairs):
    return np.array(pairs, np.int64).reshape(-1, 2)


def by_walking(nodes, memberships):
    """The same by a plain search, for comparison."""
    label = list(range(nodes))
    changed = True
    while changed:
        changed = False
        for pairs in memberships:
            for node, name in pairs:
                for other, same in pairs:
                    if same == name and label[other] != label[node]:
                        low = min(label[other], label[node])
                        label[other] = label[node] = low
                        changed = True
    return label


@given(st.lists(PAIRS, max_size=3))
def test_groups_are_those_of_a_plain_search(memberships):
    assert connected(10, [as_array(pairs) for pairs in memberships]).tolist() == by_walking(10, memberships)


def test_a_long_chain_is_one_group():
    chain = as_array([(n, n // 2) for n in range(100)])
    links = as_array([(n, (n + 1) // 2) for n in range(100)])
    assert set(connected(100, [chain, links]).tolist()) == {0}


def test_the_greatest_output_then_the_latest_end_is_the_most_complete():
    span = np.array([7, 7, 7, 8], np.uint64)
    completeness = np.array([[3, 9], [4, 1], [4, 2], [-1, -1]])
    assert most_complete(span, completeness).tolist() == [False, False, True, True]
