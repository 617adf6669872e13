"""What the two HTTP libraries do beneath: certificates, proxies, shared clients, and what an import costs."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_clickmeeting import api
from airflow_clickmeeting.exceptions import ClickMeetingError, ConnectionFailedError
from airflow_clickmeeting.hooks import transport_httpx
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook


class Pong(BaseHTTPRequestHandler):
    """Answers every GET like `ping`, without telling the time, and remembers what was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None]]

    def do_GET(self):
        self.asked.append((self.path, self.headers["Proxy-Authorization"]))
        body = json.dumps({"ping": "pong"}).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Quiet(ThreadingHTTPServer):
    """A server that does not print what a client broke off."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def server() -> Iterator[Quiet]:
    handler = type("Handler", (Pong,), {"asked": []})
    with Quiet(("127.0.0.1", 0), handler) as server:
        server.asked = handler.asked
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has signed but itself, in a file with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clickmeeting.example")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(server, certificate) -> Quiet:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def address(server, scheme="http"):
    return f"{scheme}://127.0.0.1:{server.server_port}/v1"


def test_a_certificate_that_nobody_signed_is_refused_at_once(client_of, connect, tls_server, caplog):
    connect(host=address(tls_server, "https"))
    with pytest.raises(
        ClickMeetingError, match=r"^ping: the certificate of 127\.0\.0\.1:\d+ cannot be trusted: "
    ) as error:
        client_of().ask("ping")
    assert not isinstance(error.value, ConnectionFailedError)
    assert tls_server.asked == []


def test_a_certificate_is_trusted_that_the_connections_ca_file_knows(client_of, connect, tls_server, certificate):
    connect(host=address(tls_server, "https"), extra={"verify": str(certificate)})
    assert client_of().ask("ping") == {"ping": "pong"}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_any_certificate_will_do_where_the_connection_says_so(client_of, connect, tls_server):
    connect(host=address(tls_server, "https"), extra={"verify": "false"})
    assert client_of().ask("ping") == {"ping": "pong"}


def test_the_connections_word_on_certificates_counts_more_than_the_environments(
    client_of, connect, tls_server, certificate, mocker
):
    mocker.patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": "/nowhere.pem"})
    mocker.patch.dict(os.environ, {"SSL_CERT_FILE": "/nowhere.pem"})
    connect(host=address(tls_server, "https"), extra={"verify": str(certificate)})
    assert client_of().ask("ping") == {"ping": "pong"}


def test_requests_go_through_the_connections_proxy(client_of, connect, server):
    proxy = f"http://me:hunter2@127.0.0.1:{server.server_port}"
    connect(host="http://api.clickmeeting.example/v1", extra={"proxies": proxy})
    assert client_of().ask("ping") == {"ping": "pong"}
    assert server.asked == [("http://api.clickmeeting.example/v1/ping", "Basic bWU6aHVudGVyMg==")]


def test_a_proxy_that_is_gone_is_told_without_its_credentials(client_of, connect, closed_port, caplog, capfd):
    proxy = f"http://me:hunter2@127.0.0.1:{closed_port}"
    connect(host="http://api.clickmeeting.example/v1", extra={"proxies": proxy, "max_attempts": 2})
    with caplog.at_level(logging.WARNING), pytest.raises(ConnectionFailedError) as error:
        client_of().ask("create_conference", name="Talk")
    assert str(error.value).startswith("create_conference: no connection to api.clickmeeting.example: ")
    told = str(error.value) + caplog.text + "".join(capfd.readouterr())
    assert "Attempt 1 failed: create_conference: " in told
    assert "hunter2" not in told


def test_a_host_that_does_not_exist_is_no_connection(client_of, connect):
    connect(host="http://api.clickmeeting.invalid", extra={"max_attempts": 1})
    with pytest.raises(ConnectionFailedError, match=r"^ping: no connection to api\.clickmeeting\.invalid: "):
        client_of().ask("ping")


def test_a_worker_keeps_one_connection_open(hook, sandbox):
    for _ in range(3):
        hook.ping()
    (pool,) = hook.get_conn().get_adapter(sandbox.url).poolmanager.pools._container.values()
    assert (pool.num_connections, pool.num_requests) == (1, 3)


# the triggerer


def test_all_hooks_of_one_loop_and_account_share_a_client(sandbox, connect):
    connect(sandbox, conn_id="other", extra={"timeout": 5})

    async def ask_with_many():
        hooks = [ClickMeetingAsyncHook() for _ in range(20)]
        await asyncio.gather(*(hook.ping() for hook in hooks))
        settings = [await hook.get_settings() for hook in hooks]
        other = await ClickMeetingAsyncHook("other").get_settings()
        return {id(transport_httpx.client_for(each)) for each in settings}, id(transport_httpx.client_for(other))

    shared, other = asyncio.run(ask_with_many())
    assert len(shared) == 1
    assert other not in shared
    assert sandbox.count("ping") == 20


def test_each_loop_has_its_own_client_and_all_share_one_ssl_context(sandbox):
    async def client():
        hook = ClickMeetingAsyncHook()
        await hook.ping()
        return transport_httpx.client_for(await hook.get_settings())

    first, second = asyncio.run(client()), asyncio.run(client())
    assert first is not second
    assert transport_httpx._context(True) is transport_httpx._context(True)
    assert transport_httpx._context(True) is not transport_httpx._context(False)


def test_a_trigger_that_waits_does_not_block_its_loop(sandbox):
    async def beats_while_waiting():
        sandbox.fault("ping", "hang", seconds=0.3)
        asked, beats = asyncio.ensure_future(ClickMeetingAsyncHook().ping()), 0
        while not asked.done():
            await asyncio.sleep(0.01)
            beats += 1
        return await asked, beats

    answer, beats = asyncio.run(beats_while_waiting())
    assert answer == {"ping": "pong"}
    assert beats > 10


def test_the_pace_of_an_account_holds_for_all_its_triggers(sandbox, connect):
    connect(sandbox, extra={"max_requests_per_second": 20})

    async def ask_with_many():
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(ClickMeetingAsyncHook().ping() for _ in range(7)))
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(ask_with_many()) >= 0.29


# what it costs to parse a DAG file


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has after a statement."""
    script = f"{statement}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_importing_the_hook_loads_nothing_heavy():
    sdk = "from airflow.sdk import BaseHook"
    more = loaded_by(f"{sdk}; import airflow_clickmeeting.hooks.clickmeeting") - loaded_by(sdk)
    heavy = {"requests", "urllib3", "httpx", "aiohttp", "fsspec", "pyarrow", "starlette", "uvicorn", "pandas", "numpy"}
    assert "airflow_clickmeeting.hooks.clickmeeting" in more
    assert not packages(more) & heavy


def test_the_api_can_be_imported_without_airflow():
    modules = sorted(path.stem for path in Path(api.__file__).parent.glob("[a-z]*.py"))
    loaded = loaded_by(f"from airflow_clickmeeting.api import {', '.join(modules)}")
    assert not packages(loaded) & {"airflow", "requests", "urllib3", "httpx", "tenacity"}
    assert "airflow_clickmeeting.api.http" in loaded


def test_a_hook_is_what_airflow_expects_of_one():
    from airflow.sdk import BaseHook

    for kind in (ClickMeetingHook, ClickMeetingAsyncHook):
        assert issubclass(kind, BaseHook)
        assert (kind.conn_name_attr, kind.default_conn_name, kind.conn_type, kind.hook_name) == (
            "clickmeeting_conn_id",
            "clickmeeting_default",
            "clickmeeting",
            "ClickMeeting",
        )
