"""Files on an object store, written by a worker."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = pytest.mark.cluster

ATTENDEES = 20


def test_each_room_has_its_file_on_the_object_store(cluster, scale, note):
    with Sandbox() as sandbox:
        sandbox.bulk(rooms=scale.rooms, sessions_per_room=1, attendees_per_session=ATTENDEES)
        cluster.add_dags("exports", conn_id="exported", sandbox=sandbox)
        cluster.s3.forget()
        cluster.start("exports")
        seconds = cluster.finish("exports")
        s3_requests = cluster.count_s3_requests("exports/")
        requests, rooms = sandbox.count(), sandbox.state["rooms"]
    files = cluster.files("exports")
    note("rooms exported to s3://", scale.rooms, len(files), 0, requests, s3_requests, seconds)
    rows = [len(content.splitlines()) - 1 for content in files.values()]
    assert files.keys() == {f"{room['id']}.csv" for room in rooms}
    assert min(rows) >= ATTENDEES
    assert sum(rows) == cluster.read("exports", "export")["rows"]
