# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The baseline of bench_faults is what message_filters documents: a fair opponent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from benchmarks.faults.approximate_sync import ApproximateSynchronizer

TOPICS = ('rgb', 'thermal', 'depth')
PERIOD_NS = 33_333_333
SLOP_NS = 33_000_000


def synchronizer(queue_size: int = 10, slop_ns: int = SLOP_NS) -> ApproximateSynchronizer:
    return ApproximateSynchronizer(TOPICS, queue_size, slop_ns)


def sets(baseline: ApproximateSynchronizer, messages) -> list[dict[str, int]]:
    found = (baseline.add(topic, stamp_ns) for topic, stamp_ns in messages)
    return [dict(item) for item in found if item is not None]


def stream(first: int, last: int, topics=TOPICS, offsets_ns=(0, 0, 0)):
    offset_ns = dict(zip(TOPICS, offsets_ns, strict=True))
    return [(t, k * PERIOD_NS + offset_ns[t]) for k in range(first, last) for t in topics]


@pytest.mark.parametrize('offsets_ns', [(0, 0, 0), (0, 5_000_000, -5_000_000), (0, 0, 16_000_000)])
def test_with_all_topics_every_period_gives_a_set(offsets_ns):
    found = sets(synchronizer(), stream(0, 90, offsets_ns=offsets_ns))
    assert len(found) >= 89
    for one in found:
        assert set(one) == set(TOPICS)
        assert max(one.values()) - min(one.values()) < SLOP_NS


def test_equal_stamps_stay_together_whatever_the_order_of_arrival():
    messages = [(t, k * PERIOD_NS) for k in range(30) for t in TOPICS[k % 3 :] + TOPICS[: k % 3]]
    assert [set(one.values()) for one in sets(synchronizer(), messages)] == [
        {k * PERIOD_NS} for k in range(30)
    ]


def test_one_silent_topic_gives_no_set_at_all():
    assert sets(synchronizer(), stream(0, 150, topics=('rgb', 'depth'))) == []


def test_a_topic_that_comes_back_is_matched_at_once():
    baseline = synchronizer()
    sets(baseline, stream(0, 60, topics=('rgb', 'depth')))
    assert len(sets(baseline, stream(60, 90))) == 30


def test_the_slowest_topic_sets_the_rate():
    messages = [m for m in stream(0, 90) if m[0] != 'thermal' or m[1] // PERIOD_NS % 3 == 0]
    assert len(sets(synchronizer(), messages)) == 30


def test_stamps_farther_apart_than_the_slop_never_match():
    baseline = synchronizer(slop_ns=10_000_000)
    assert sets(baseline, stream(0, 60, offsets_ns=(0, 0, 15_000_000))) == []


def test_the_nearest_stamps_win():
    baseline = synchronizer()
    assert sets(baseline, [('rgb', 0), ('rgb', 20_000_000), ('thermal', 18_000_000)]) == []
    assert baseline.add('depth', 19_000_000) == {
        'rgb': 20_000_000,
        'thermal': 18_000_000,
        'depth': 19_000_000,
    }


def test_a_bag_that_starts_over_after_a_dropout_starves():
    """Leftover later stamps evict every new message: known of the original."""
    baseline = synchronizer()
    sets(baseline, stream(0, 150))
    sets(baseline, stream(150, 300, topics=('rgb', 'depth')))
    assert sets(baseline, stream(0, 100)) == []


@pytest.mark.parametrize(
    ('topics', 'queue_size', 'slop_ns'), [((), 1, 1), (('a',), 0, 1), (('a',), 1, 0)]
)
def test_arguments_without_sense_are_refused(topics, queue_size, slop_ns):
    with pytest.raises(ValueError, match='expected at least one topic'):
        ApproximateSynchronizer(topics, queue_size, slop_ns)


@given(
    st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 40)), max_size=120, unique=True),
    st.integers(1, 5),
    st.integers(1, 10),
)
def test_every_message_is_used_at_most_once_and_no_set_is_wider_than_the_slop(
    messages, queue_size, slop_ns
):
    found = sets(ApproximateSynchronizer(TOPICS, queue_size, slop_ns), messages)
    used = [item for one in found for item in one.items()]
    assert len(used) == len(set(used))
    assert set(used) <= set(messages)
    assert all(max(one.values()) - min(one.values()) < slop_ns for one in found)
