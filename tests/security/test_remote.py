from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.s3_like import nothing_allowed

import leyden as L
from leyden.errors import PathError, RemoteError, SettingsError
from leyden.security.remote import Remote, allow, allowed, is_url, parse, place_of

DIGEST = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _nothing_allowed():
    with nothing_allowed():
        yield


def test_an_address_is_taken_apart():
    assert parse("S3://Bucket/a/b=0.25.ckpt") == Remote("s3", "Bucket", "a/b=0.25.ckpt")
    assert parse("https://Models.Example:8443/x.ckpt") == Remote("https", "models.example:8443", "x.ckpt")
    assert parse(f"gs://b/x#sha256={DIGEST}") == Remote("gs", "b", "x", DIGEST)
    assert parse("s3://bucket/") == Remote("s3", "bucket", "")
    assert parse("https://h/x?Signature=abcdef") == Remote("https", "h", "x", None, "Signature=abcdef")
    assert parse("https://[2606:4700::1]/x") == Remote("https", "[2606:4700::1]", "x")


def test_a_local_address_is_a_path():
    assert parse("file:///a/b c") == parse("local:///a/b c") == parse("file://localhost/a/b c") == Path("/a/b c")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://host/x", "use https"),
        ("ftp://host/x", "use https"),
        ("simplecache::s3://b/x", "no address that can be used"),
        ("zip://x::https://h/y", "leads to another file"),
        ("reference://b/x", "leads to another file"),
        ("data://x/y", "content itself"),
        ("s3:///x", "no host or bucket"),
        ("s3://b/../x", "made of dots"),
        ("s3://b/./x", "made of dots"),
        ("s3://b//x", "that is empty"),
        ("s3://b\\x", "no address"),
        ("s3://b/x\x1b[2J", "no address"),
        ("s3://b/x\u202ey", "no address"),
        ("s3://b/x?versionId=1", "has a query"),
        ("s3://user:pw@b/x", "has a user"),
        ("https://user@host/x", "has a user"),
        ("https://h/x#sha256=abc", "digest of the file"),
        ("https://h/x#L3", "digest of the file"),
        ("https://h/x@y#sha256=" + DIGEST.upper(), "digest of the file"),
        ("https://-h/x", "no host"),
        ("https://h:port/x", "no host"),
        ("https://h:0/x", "no host"),
        ("https://h:65536/x", "no host"),
        ("https://a..b/x", "no host"),
        ("https://" + "a" * 64 + ".example/x", "no host"),
        ("https://h%2f/x", "no host"),
        ("https://\N{CYRILLIC SMALL LETTER A}pple.example/x", "no host"),
        ("https://[fe80::1%25eth0]/x", "no host"),
        ("s3://[::1]/x", "no host"),
        ("https://ho st/x", "no host"),
        ("://h/x", "no address"),
        ("file://server/x", "no file of this machine"),
        ("file:///x?y", "no file of this machine"),
    ],
)
def test_an_address_is_refused_with_the_reason(url, why):
    with pytest.raises(RemoteError, match=why) as caught:
        parse(url)
    assert "pw" not in str(caught.value)


def test_a_remote_place_shows_neither_query_nor_digest():
    place = parse(f"https://h/x?Signature=hunter2#sha256={DIGEST}")
    assert str(place) == "https://h/x"
    assert "hunter2" not in repr(place)


def test_nothing_is_allowed_until_code_says_so_and_the_error_has_the_line():
    with pytest.raises(RemoteError) as caught:
        place_of("s3://bucket/run/last.ckpt")
    assert "leyden.allow_remote('s3://bucket')" in str(caught.value)
    L.allow_remote("s3://bucket")
    assert place_of("s3://bucket/run/last.ckpt") == Remote("s3", "bucket", "run/last.ckpt")


@pytest.mark.parametrize(
    "url", ["s3://bucket2/run/x", "s3://bucket/run2/x", "s3://bucket/ru", "gs://bucket/run/x", "https://bucket/run/x"]
)
def test_leave_for_one_place_is_none_for_another(url):
    allow("s3://bucket/run")
    assert place_of("s3://bucket/run/x") == Remote("s3", "bucket", "run/x")
    assert place_of("s3://bucket/run") == Remote("s3", "bucket", "run")
    with pytest.raises(RemoteError, match="nobody has allowed"):
        place_of(url)


def test_leave_for_a_host_is_none_for_another_port():
    allow("https://h:8443")
    with pytest.raises(RemoteError, match="nobody has allowed"):
        place_of("https://h/x")


def test_the_nearest_place_says_how_a_file_is_reached():
    allow("s3://bucket", largest=1)
    allow("s3://bucket/run", largest=2, options={"key": "hunter2hunter2"})
    assert [allowed(parse(url)).largest for url in ("s3://bucket/a", "s3://bucket/run/a")] == [1, 2]
    assert "hunter2" not in repr(allowed(parse("s3://bucket/run/a")))


def test_memory_of_the_process_needs_no_leave():
    assert place_of("memory://x/y") == Remote("memory", "x", "y")


def test_leave_is_logged(caplog):
    with caplog.at_level(logging.INFO, "leyden.security"):
        allow("s3://bucket", options={"secret": "hunter2hunter2"})
    assert caplog.messages == ["Checkpoints may be read from and written to s3://bucket."]


@pytest.mark.parametrize("url", ["/tmp/x", "file:///x"])
def test_a_local_place_needs_no_leave(url):
    with pytest.raises(RemoteError, match=r"local place|no address"):
        allow(url)


@pytest.mark.parametrize("url", ["https://h/x?a=b", f"https://h/x#sha256={DIGEST}"])
def test_a_place_is_allowed_without_what_belongs_to_one_file(url):
    with pytest.raises(RemoteError, match="single file"):
        allow(url)


@pytest.mark.parametrize("options", [{"verify": False}, {"cafile": "/no/such/file"}])
def test_options_that_https_does_not_have_are_refused(options):
    with pytest.raises(RemoteError, match="nothing else"):
        allow("https://h", options=options)


@pytest.mark.parametrize("name", ["", "/x", "a//b", "../x", "a/../b", ".", "a?b", "a#b", "a\\b", "a\nb", "s3://b/x"])
def test_a_name_that_would_lead_out_of_a_remote_directory_is_refused(name):
    with pytest.raises(PathError):
        Remote("s3", "b", "run").child(name)


def test_a_remote_directory_knows_what_lies_beneath_it():
    root = Remote("s3", "b", "run")
    assert root.child("a/b.ckpt") == Remote("s3", "b", "run/a/b.ckpt")
    assert root.name_of(root.child("a/b.ckpt")) == "a/b.ckpt"
    assert root.name_of(Remote("s3", "b", "run2/a")) is None
    assert Remote("s3", "b", "").child("a") == Remote("s3", "b", "a")


def test_a_path_that_was_an_address_is_told_from_a_directory():
    with pytest.raises(SettingsError, match="Give it as a str"):
        place_of(Path("s3://bucket/x"))
    assert place_of(Path("a:b/c")) == Path("a:b/c")
    assert is_url("s3://x")
    assert not is_url(Path("s3://x"))
    assert not is_url("C://x")
