"""Keys of many events as a short text."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.triggers.packed_keys import can_pack, pack, unpack

ids = st.integers(1, 10**18 - 1)
keys = st.lists(ids.map(str), min_size=1, max_size=3).map("-".join)


@given(st.dictionaries(keys, st.integers(0, 10**10)))
def test_they_come_back_as_they_were(numbers):
    assert all(map(can_pack, numbers))
    text = pack(numbers)
    assert json.loads(json.dumps(text)) == text
    assert dict(unpack(text)) == numbers


@pytest.mark.parametrize(
    "key", ["", "0", "07", "1-", "-1", "1-0", "1-07", "0-1", "1-2-3-4", "1--2", "a", "1 ", "\u0661", "1" * 19]
)
def test_other_keys_cannot_be_packed(key):
    assert not can_pack(key)


def test_a_key_takes_less_than_six_bytes():
    random.seed(1)
    rooms = random.sample(range(10_000_000, 99_999_999), 10_000)
    numbers, recording_id = {}, 50_000_000
    for each in range(30_000):
        # of a thousand recordings, one is of this account
        recording_id += random.randint(1, 2000)
        numbers[f"{random.choice(rooms)}-{recording_id}"] = each // 1000
    assert len(json.dumps(numbers)) > 700_000
    assert len(pack(numbers)) < 6 * 30_000


def test_a_key_of_a_person_takes_less_than_five_bytes():
    random.seed(1)
    numbers, uid = {}, 60_000_000
    for session_id in range(7_000_000, 7_000_400):
        room_id = random.randint(10_000_000, 10_010_000)
        for _ in range(50):
            # of twenty visitors, one is of this account
            uid += random.randint(1, 40)
            numbers[f"{room_id}-{session_id}-{uid}"] = session_id // 17
    assert len(json.dumps(numbers)) > 700_000
    assert len(pack(numbers)) < 5 * 20_000
