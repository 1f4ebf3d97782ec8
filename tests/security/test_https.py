from __future__ import annotations

import hashlib
import io
import socket
import threading

import pytest
from tests.s3_like import nothing_allowed
from tests.security.https_server import certificates, endless, file, redirect, serving, status

from leyden.errors import DigestError, RemoteError
from leyden.security.https import fetch
from leyden.security.remote import Remote, allow, parse

CONTENT = b"content" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(tls):
    """Answers by path, the address of the server that gives them, and what it was asked; nothing is allowed yet."""
    answers = {"/x": file(CONTENT)}
    with nothing_allowed(), serving(answers, tls[1]) as (url, asked):
        yield answers, url, asked


@pytest.fixture
def trusted(server, tls):
    """The same, where the server is allowed although it is this machine."""
    allow(server[1], private=True, largest=1 << 20, options={"cafile": str(tls[0])})
    return server


def fetched(url: str) -> bytes:
    stream = io.BytesIO()
    remote = parse(url)
    assert isinstance(remote, Remote)
    fetch(remote, stream)
    return stream.getvalue()


def test_a_file_is_read_from_a_server_that_was_allowed(trusted):
    _, url, asked = trusted
    assert fetched(f"{url}/x?Signature=a%2Fb&c=d") == CONTENT
    assert asked == ["/x?Signature=a%2Fb&c=d"]


def test_what_is_not_ascii_is_quoted_and_what_is_quoted_stays(trusted):
    answers, url, asked = trusted
    answers["/%C3%A4%20b/a%2Fb"] = file(b"found")
    assert fetched(f"{url}/\N{LATIN SMALL LETTER A WITH DIAERESIS} b/a%2Fb?q=\N{EURO SIGN} 1&r=%20") == b"found"
    assert asked == ["/%C3%A4%20b/a%2Fb?q=%E2%82%AC%201&r=%20"]


def test_nothing_is_asked_of_a_server_that_was_not(server):
    with pytest.raises(RemoteError, match="nobody has allowed"):
        fetched(f"{server[1]}/x")
    assert server[2] == []


def test_this_machine_is_not_asked_unless_code_says_that_the_server_stands_there(server, tls):
    allow(server[1], options={"cafile": str(tls[0])})
    with pytest.raises(RemoteError, match=r"is on this machine or in a private network.*private=True"):
        fetched(f"{server[1]}/x")
    assert server[2] == []


def test_a_name_that_is_resolved_to_a_public_and_a_private_address_is_refused(trusted, monkeypatch):
    _, url, asked = trusted
    allow(url)
    where = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "169.254.169.254")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: where)
    with pytest.raises(RemoteError, match=r"169\.254\.169\.254, which is where a cloud keeps"):
        fetched(f"{url}/x")
    assert asked == []


def test_the_address_that_was_checked_is_the_one_that_is_used(trusted, monkeypatch):
    _, url, asked = trusted
    real, asked_for = socket.getaddrinfo, []

    def rebinding(host, *args, **kwargs):
        if host == "localhost":
            asked_for.append(host)
            assert len(asked_for) == 1  # a second question could have another answer
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert fetched(f"{url}/x") == CONTENT
    assert (asked_for, asked) == (["localhost"], ["/x"])


def test_a_certificate_of_an_unknown_authority_is_refused(server):
    allow(server[1], private=True)
    with pytest.raises(RemoteError, match="certificate is not valid for it"):
        fetched(f"{server[1]}/x")
    assert server[2] == []


def test_a_certificate_for_another_name_is_refused(tmp_path):
    cafile, pair = certificates(tmp_path, "other.example")
    with nothing_allowed(), serving({"/x": file(CONTENT)}, pair) as (url, asked):
        allow(url, private=True, options={"cafile": str(cafile)})
        with pytest.raises(RemoteError, match="certificate is not valid for it"):
            fetched(f"{url}/x")
    assert asked == []


def test_a_server_that_does_not_speak_tls_is_refused():
    with nothing_allowed(), socket.create_server(("127.0.0.1", 0)) as plain:
        url = f"https://localhost:{plain.getsockname()[1]}"
        allow(url, private=True)
        plain.settimeout(10)

        def answer():
            with plain.accept()[0] as peer:
                peer.recv(1)
                peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(RemoteError, match="cannot be read"):
            fetched(f"{url}/x")
        thread.join()


def test_a_file_that_is_not_the_one_that_was_named_by_its_digest_is_refused(trusted):
    assert fetched(f"{trusted[1]}/x#sha256={DIGEST}") == CONTENT
    with pytest.raises(DigestError, match=f"has the digest {DIGEST}"):
        fetched(f"{trusted[1]}/x#sha256={'0' * 64}")


@pytest.mark.parametrize("to", ["/y", "y"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_place_is_followed_without_the_query(trusted, to, code):
    answers, url, asked = trusted
    answers |= {"/x": redirect(to, code), "/y": file(b"y")}
    assert fetched(f"{url}/x?Signature=secret") == b"y"
    assert asked == ["/x?Signature=secret", "/y"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("https://elsewhere.example/y", "https://elsewhere.example/y is remote, and nobody has allowed"),
        ("https://169.254.169.254/latest", "nobody has allowed"),
        ("http://localhost/y", "use https"),
        ("file:///etc/passwd", "leads to an address that is not https"),
        ("s3://bucket/x", "leads to an address that is not https"),
        ("//elsewhere.example/y", "nobody has allowed"),
        ("", "over 5 times"),
        ("https://user:pw@elsewhere.example/", "has a user"),
        ("/y\\..\\z", "no address"),
    ],
)
def test_a_redirect_to_elsewhere_is_refused(trusted, to, why):
    answers, url, _ = trusted
    answers["/x"] = redirect(to)
    with pytest.raises(RemoteError, match=why) as caught:
        fetched(f"{url}/x?Signature=secret")
    assert "secret" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_redirect_to_a_private_address_is_refused_although_its_host_was_allowed(trusted):
    answers, url, _ = trusted
    allow("https://127.0.0.1:1")
    answers["/x"] = redirect("https://127.0.0.1:1/y")
    with pytest.raises(RemoteError, match="is on this machine"):
        fetched(f"{url}/x")


def test_redirects_end(trusted):
    answers, url, asked = trusted
    answers["/x"] = redirect("/x")
    with pytest.raises(RemoteError, match="over 5 times"):
        fetched(f"{url}/x")
    assert len(asked) == 6


@pytest.mark.parametrize("answer", [file(b"x" * (1 << 20) + b"x"), endless])
def test_a_file_larger_than_was_allowed_is_refused(trusted, answer):
    answers, url, _ = trusted
    answers["/x"] = answer
    with pytest.raises(RemoteError, match=r"over 1,048,576 bytes.*largest="):
        fetched(f"{url}/x")


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (status(404), FileNotFoundError, "no such file"),
        (status(403), RemoteError, "answers with 403"),
        (status(206), RemoteError, "answers with 206"),
        (file(CONTENT, Content_Encoding="gzip"), RemoteError, "compressed"),
        (file(b"abc", Content_Length="5"), RemoteError, "cut short: 3 of 5"),
    ],
)
def test_an_answer_that_is_no_file_is_an_error(trusted, answer, error, why):
    answers, url, _ = trusted
    answers["/x"] = answer
    with pytest.raises(error, match=why) as caught:
        fetched(f"{url}/x?Signature=secret")
    assert "secret" not in str(caught.value)


def test_a_proxy_and_credentials_of_the_environment_are_not_used(trusted, monkeypatch, tmp_path):
    _, url, asked = trusted
    (tmp_path / ".netrc").write_text("machine localhost login alice password hunter2\n")
    for name, value in {"HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert fetched(f"{url}/x") == CONTENT
    assert asked == ["/x"]
    assert not (tmp_path / "keys").exists()


def test_nobody_there_is_an_error_that_names_the_place():
    with nothing_allowed(), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        allow(f"https://127.0.0.1:{port}", private=True)
        with pytest.raises(RemoteError, match=f"https://127.0.0.1:{port}/x cannot be read"):
            fetched(f"https://127.0.0.1:{port}/x")
