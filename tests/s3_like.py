"""An object store for tests, as fsspec sees S3: objects appear when their upload is complete, in parts of some size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from leyden.security import remote

SCHEME = "s3like"


class S3Like(AbstractFileSystem):
    """One store for the whole process; ``breaks_after`` parts of an upload it fails, if that is a number."""

    protocol = SCHEME
    objects: ClassVar[dict[str, bytes]] = {}
    unfinished: ClassVar[list[list[bytes]]] = []
    asked: ClassVar[list[tuple[str, str]]] = []
    breaks_after: ClassVar[int | None] = None

    def _note(self, what: str, path: str) -> str:
        key = self._strip_protocol(path)
        self.asked.append((what, key))
        return key

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        key = self._note("info", path)
        if key in self.objects:
            return {"name": key, "size": len(self.objects[key]), "type": "file"}
        if any(name.startswith(key.rstrip("/") + "/") for name in self.objects):
            return {"name": key, "size": 0, "type": "directory"}
        raise FileNotFoundError(key)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        start = self._note("ls", path).rstrip("/") + "/"
        below = sorted({start + name[len(start) :].split("/")[0] for name in self.objects if name.startswith(start)})
        if not below:
            raise FileNotFoundError(path)
        return [self.info(name) for name in below] if detail else below

    def rm_file(self, path: str) -> None:
        del self.objects[self._note("rm", path)]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        key = self._note("get", path)
        if key not in self.objects:
            raise FileNotFoundError(key)
        return self.objects[key][start:end]

    def _open(self, path: str, mode: str = "rb", **options: Any) -> AbstractBufferedFile:
        return Upload(self, self._note("put", path), mode, **options)


class Upload(AbstractBufferedFile):
    DEFAULT_BLOCK_SIZE = 1 << 16

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []
        S3Like.unfinished.append(self.parts)

    def _upload_chunk(self, final: bool = False) -> bool:
        if S3Like.breaks_after is not None and len(self.parts) >= S3Like.breaks_after:
            raise ConnectionResetError(104, "Connection reset by peer")
        self.parts.append(self.buffer.getvalue())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        S3Like.objects[self.path] = b"".join(self.parts)
        S3Like.unfinished.remove(self.parts)

    def discard(self) -> None:
        if self.offset is not None:
            S3Like.unfinished.remove(self.parts)


@contextmanager
def nothing_allowed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "_ALLOWED", {})
        yield


@contextmanager
def store() -> Iterator[dict[str, bytes]]:
    """The objects of a store that is empty, and that nobody has allowed yet."""
    fsspec.register_implementation(SCHEME, S3Like, clobber=True)
    for what in (S3Like.objects, S3Like.unfinished, S3Like.asked):
        what.clear()
    S3Like.breaks_after = None
    with nothing_allowed():
        yield S3Like.objects
