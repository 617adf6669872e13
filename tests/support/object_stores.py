"""Fixtures for tests on object storages: an S3 on this machine, and stand-ins for Google Cloud Storage and Azure."""

from __future__ import annotations

import io
import sys
import threading
import types
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from local_s3 import LocalS3, Request, local_s3

CONN_ID = "s3_of_tests"


class Bucket:
    """A bucket of S3 that Airflow has a connection to."""

    def __init__(self, server: LocalS3) -> None:
        from airflow.sdk import ObjectStoragePath

        self.server = server
        self.name = f"bucket-{uuid.uuid4().hex}"
        self.url = f"s3://{CONN_ID}@{self.name}"
        self.fs = ObjectStoragePath(self.url).fs
        self.fs.call_s3("create_bucket", Bucket=self.name)
        server.forget()

    @property
    def requests(self) -> list[Request]:
        """The requests to it since it was created, or since `forget`."""
        return [each for each in self.server.requests if each.path.startswith(f"/{self.name}")]

    @property
    def rights(self) -> Counter[str]:
        """How many requests needed which right."""
        return Counter(request.right for request in self.requests)

    def forget(self) -> None:
        """Forget the requests so far, and what is denied."""
        self.server.forget()

    def deny(self, *rights: str) -> None:
        """Refuse each request that needs one of these rights."""
        self.server.denied.update(rights)

    def read(self) -> dict[str, bytes]:
        """Return the content of each object by its key."""
        with self._unnoticed():
            found = self.fs.find(self.name, refresh=True)
            return {name.removeprefix(f"{self.name}/"): self.fs.cat_file(name) for name in found}

    def uploads(self) -> list[str]:
        """Return the keys of unfinished uploads."""
        with self._unnoticed():
            return [upload["Key"] for upload in self.fs.list_multipart_uploads(self.name)]

    @contextmanager
    def mirrored(self, folder: Path) -> Iterator[None]:
        """Give the bucket the files of a folder, and after the block the folder those of the bucket.

        So a test that looks at files can do so, whatever storage they are on.
        """
        with self._unnoticed():
            for name in self.fs.find(self.name, refresh=True):
                self.fs.rm_file(name)
            for file in filter(Path.is_file, folder.rglob("*")):
                self.fs.pipe_file(f"{self.name}/{file.relative_to(folder)}", file.read_bytes())
        try:
            yield
        finally:
            for file in filter(Path.is_file, folder.rglob("*")):
                file.unlink()
            for key, content in self.read().items():
                (folder / key).parent.mkdir(parents=True, exist_ok=True)
                (folder / key).write_bytes(content)

    @contextmanager
    def _unnoticed(self) -> Iterator[None]:
        """Let a test neither count the requests of the block nor refuse them."""
        count, denied = len(self.server.requests), set(self.server.denied)
        self.server.denied.clear()
        try:
            yield
        finally:
            del self.server.requests[count:]
            self.server.denied.update(denied)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[LocalS3]:
    """S3, served by moto in a thread."""
    with local_s3() as server:
        yield server


@pytest.fixture
def bucket(s3_server: LocalS3, connect: Callable[..., str]) -> Iterator[Bucket]:
    """An empty bucket, and the Airflow connection to it."""
    s3_server.forget()
    connect(None, CONN_ID, **s3_server.connection)
    yield Bucket(s3_server)
    s3_server.forget()


# --- stand-ins --------------------------------------------------------------------------------------------------------


class BlockFile(AbstractBufferedFile):
    """A file of gcsfs or adlfs: it sends blocks, and the object appears when the last one is sent."""

    def _initiate_upload(self) -> None:
        self.blocks: list[bytes] = []
        self.fs.unfinished[self.path] = self

    def _upload_chunk(self, final: bool = False) -> bool:
        self.fs.requests.append("block")
        self.blocks.append(self.buffer.getvalue())
        if final:
            del self.fs.unfinished[self.path]
            self.fs.put_object(self.path, b"".join(self.blocks))
        return True


class GoogleFile(BlockFile):
    """As gcsfs has it: `discard` cancels the upload, and there is no append."""

    def discard(self) -> None:
        if self.fs.unfinished.pop(self.path, None):
            self.fs.requests.append("cancel")


class HTTPError(Exception):
    """As both libraries raise it, each with the status under a name of its own."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.code = self.status_code = status


class StandIn(MemoryFileSystem):
    """An object storage in memory, which counts requests, and has no append and no real folders."""

    file_type: type[BlockFile]
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.store: dict[str, Any] = {}
        self.pseudo_dirs: list[str] = [""]
        self.requests: list[str] = []
        self.unfinished: dict[str, BlockFile] = {}
        self.versions: dict[str, int] = {}
        self.one_at_a_time = threading.Lock()

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> Any:
        if mode == "rb":
            return io.BytesIO(self.cat_file(path))
        return self.file_type(self, path, mode.replace("a", "w"), block_size or "default")

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        self.requests.append("read")
        path = self._strip_protocol(path)
        if path not in self.store:
            raise FileNotFoundError(path)
        return self.store[path].getvalue()[start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        self.requests.append("put")
        self.put_object(path, value)

    def put_object(self, path: str, value: bytes) -> None:
        path = self._strip_protocol(path)
        self.store[path] = MemoryFile(self, path, value)
        self.versions[path] = self.versions.get(path, 0) + 1


class GoogleStandIn(StandIn):
    """gcsfs without Google."""

    file_type = GoogleFile
    protocol = "gs"
    _location = "https://storage.googleapis.com"

    def url(self, path: str) -> str:
        """Return the address from which an object is read."""
        return self._strip_protocol(path)

    def call(self, method: str, where: str, data: bytes = b"", json_out: bool = False, **query: str) -> Any:
        """Read an object with its generation, or write it if it has the generation of the query."""
        bucket = where.rpartition("/b/")[2].removesuffix("/o")
        path = where if method == "GET" else f"/{bucket}/{query['name']}"
        generation = str(self.versions.get(path, 0))
        if method == "GET":
            return {"x-goog-generation": generation}, self.cat_file(path)
        with self.one_at_a_time:
            if str(self.versions.get(path, 0)) != query["ifGenerationMatch"]:
                raise HTTPError(412)
            self.put_object(path, data)
            return {"generation": str(self.versions[path])}


class AzureStandIn(StandIn):
    """adlfs without Azure; it cannot cancel an upload, but nothing appears before the last block."""

    file_type = BlockFile
    protocol = "abfs"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return what is known of a blob, also its ETag."""
        return super().info(path) | {"etag": f"0x{self.versions.get(self._strip_protocol(path), 0)}"}

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        """Write a blob, if there is none or if it has the right ETag, as the options say."""
        with self.one_at_a_time:
            exists = self._strip_protocol(path) in self.store
            if exists and not options.get("overwrite", True):
                raise FileExistsError(path)
            if "etag" in options and (not exists or self.info(path)["etag"] != options["etag"]):
                raise HTTPError(412)
            super().pipe_file(path, value)


@pytest.fixture(params=["gs", "abfs"])
def stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A storage that Airflow takes for Google Cloud Storage or Azure."""
    conditions = types.SimpleNamespace(IfNotModified="if not modified")
    monkeypatch.setitem(sys.modules, "azure.core", types.SimpleNamespace(MatchConditions=conditions))
    from airflow.sdk.io import attach
    from airflow.sdk.io import store as stores

    fs = GoogleStandIn() if request.param == "gs" else AzureStandIn()
    before = stores._STORE_CACHE.pop(request.param, None)
    attach(request.param, fs=fs)
    yield fs
    del stores._STORE_CACHE[request.param]
    if before:
        stores._STORE_CACHE[request.param] = before
