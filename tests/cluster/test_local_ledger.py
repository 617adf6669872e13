"""A ledger on a machine's own disk, which a retry on another machine would not find."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = pytest.mark.cluster


def test_a_local_ledger_is_refused_before_anything_is_sent(cluster):
    with Sandbox() as sandbox:
        room = sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})
        cluster.add_dags("keeps", conn_id="kept", sandbox=sandbox)
        cluster.start("keeps", room_id=room["id"])
        cluster.finish("keeps", "failed")
        assert sandbox.count("register_participant") == 0
        assert sandbox.state["rooms"][0]["registrations"] == []
    assert "allow_local_state" in cluster.log("keeps")
