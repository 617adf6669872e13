"""The recipe `crm_export`: the CRM has each person once, also after a failure half-way and a second run."""

from __future__ import annotations

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")


@pytest.fixture
def export(run_at_noon, connect, sink):
    connect(None, "crm", conn_type="http", host=sink.url, password="crm-token")
    return lambda **params: run_at_noon("crm_export", params)


def contacts(sink):
    """What a CRM has that replaces an entry with the same address."""
    return {each.path: each.body for each in sink.received if each.method == "PUT"}


@on_both_storages
def test_the_crm_has_each_person_once(export, ended, sink):
    _, session_id = ended()
    assert export().state == "success"
    assert export().state == "success"
    people = contacts(sink)
    assert {path: body["status"] for path, body in people.items()} == {
        f"/contacts/ada%40example.com/webinars/{session_id}": "attended",
        f"/contacts/alan%40example.com/webinars/{session_id}": "no_show",
        f"/contacts/grace%40example.com/webinars/{session_id}": "walk_in",
    }
    assert {each.authorization for each in sink.received} == {"Bearer crm-token"}
    assert people[f"/contacts/ada%40example.com/webinars/{session_id}"]["minutes"] == 55


def test_a_retry_after_a_failure_half_way_completes_the_crm(export, ended, sink):
    ended()
    sink.statuses += [200, 503]
    assert export().state == "success"
    assert len(contacts(sink)) == 3
    assert len(sink.received) == 2 + 3


@pytest.mark.parametrize(("max_refused", "state"), [(1, "success"), (0, "failed")])
def test_a_person_whom_the_crm_refuses_does_not_keep_the_others_out(export, ended, sink, max_refused, state):
    ended()
    sink.statuses += [422, 200, 200, *[422] * 9]
    assert export(max_refused=max_refused).state == state
    assert len(contacts(sink)) == 3


@pytest.mark.thorough
def test_a_wrong_token_stops_the_export_at_once(export, ended, sink):
    ended()
    sink.statuses += [401] * 9
    assert export().state == "failed"
    assert len(sink.received) == 4, "once, and three retries"
