from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from leyden.errors import DigestError, FormatError, PathError, SealError
from leyden.security.signing import MEDIA_TYPE, PAYLOAD_TYPE, PREDICATE, STATEMENT, Signed, sign, verify

KEY = ec.derive_private_key(7, ec.SECP256R1())
GIT = (".git", ".gitattributes", ".github", ".gitignore")

# What model_signing 1.1.1 wrote for the model below and this key; by files, then by shards of two bytes with BLAKE2.
BY_FILES = (
    "eyJtZWRpYVR5cGUiOiJhcHBsaWNhdGlvbi92bmQuZGV2LnNpZ3N0b3JlLmJ1bmRsZS52MC4zK2pzb24iLCJ2ZXJpZmljYXRpb25NYXRlcmlhbC"
    "I6eyJwdWJsaWNLZXkiOnsiaGludCI6ImY4NDdiZGFiYmIzOWZkOTI0MDUxNmMzZjczYzJiMWRjMzc4MzQyYWU3OGM4ZWMzMGIxYWNjYTliZTdj"
    "ODNiZmYifSwidGxvZ0VudHJpZXMiOltdfSwiZHNzZUVudmVsb3BlIjp7InBheWxvYWQiOiJld29nSUNKZmRIbHdaU0k2SUNKb2RIUndjem92TD"
    "JsdUxYUnZkRzh1YVc4dlUzUmhkR1Z0Wlc1MEwzWXhJaXdLSUNBaWMzVmlhbVZqZENJNklGc0tJQ0FnSUhzS0lDQWdJQ0FnSW01aGJXVWlPaUFp"
    "Ylc5a1pXd2lMQW9nSUNBZ0lDQWlaR2xuWlhOMElqb2dld29nSUNBZ0lDQWdJQ0p6YUdFeU5UWWlPaUFpTW1Jek1URXhZbVU0TVdJM1kyWXdabV"
    "kyTTJVd05HWmpOekUxWWpBek9EVXdZelU0TXpSaFl6RTRZbU00WkdZd1pUY3hObVExTmpBNE1tUTJaamN6WXlJS0lDQWdJQ0FnZlFvZ0lDQWdm"
    "UW9nSUYwc0NpQWdJbkJ5WldScFkyRjBaVlI1Y0dVaU9pQWlhSFIwY0hNNkx5OXRiMlJsYkY5emFXZHVhVzVuTDNOcFoyNWhkSFZ5WlM5Mk1TNH"
    "dJaXdLSUNBaWNISmxaR2xqWVhSbElqb2dld29nSUNBZ0luSmxjMjkxY21ObGN5STZJRnNLSUNBZ0lDQWdld29nSUNBZ0lDQWdJQ0poYkdkdmNt"
    "bDBhRzBpT2lBaWMyaGhNalUySWl3S0lDQWdJQ0FnSUNBaWJtRnRaU0k2SUNKaExtSnBiaUlzQ2lBZ0lDQWdJQ0FnSW1ScFoyVnpkQ0k2SUNJNU"
    "9HVmhObVUwWmpJeE5tWXlabUkwWWpZNVptWm1PV0l6WVRRME9EUXlZek00TmpnMlkyRTJPRFZtTTJZMU5XUmpORGhqTldRelptSXhNVEEzWW1V"
    "MElnb2dJQ0FnSUNCOUxBb2dJQ0FnSUNCN0NpQWdJQ0FnSUNBZ0ltRnNaMjl5YVhSb2JTSTZJQ0p6YUdFeU5UWWlMQW9nSUNBZ0lDQWdJQ0p1WV"
    "cxbElqb2dJbVZ0Y0hSNUlpd0tJQ0FnSUNBZ0lDQWlaR2xuWlhOMElqb2dJbVV6WWpCak5EUXlPVGhtWXpGak1UUTVZV1ppWmpSak9EazVObVpp"
    "T1RJME1qZGhaVFF4WlRRMk5EbGlPVE0wWTJFME9UVTVPVEZpTnpnMU1tSTROVFVpQ2lBZ0lDQWdJSDBzQ2lBZ0lDQWdJSHNLSUNBZ0lDQWdJQ0"
    "FpWVd4bmIzSnBkR2h0SWpvZ0luTm9ZVEkxTmlJc0NpQWdJQ0FnSUNBZ0ltNWhiV1VpT2lBaWMzVmlMMkl1WW1sdUlpd0tJQ0FnSUNBZ0lDQWla"
    "R2xuWlhOMElqb2dJbVZpWlRrMVpERXdZMk14TVdVeU4ySmtPR1EwWkRGalpUa3hZbU0zTWpVMk5qVmtaR0poWVRaallUSTBPVGhsWmpNNFlUZz"
    "RZVFU0WVdRME9HTmtZalFpQ2lBZ0lDQWdJSDBLSUNBZ0lGMHNDaUFnSUNBaWMyVnlhV0ZzYVhwaGRHbHZiaUk2SUhzS0lDQWdJQ0FnSW1Gc2JH"
    "OTNYM041Yld4cGJtdHpJam9nWm1Gc2MyVXNDaUFnSUNBZ0lDSnBaMjV2Y21WZmNHRjBhSE1pT2lCYkNpQWdJQ0FnSUNBZ0lpNW5hWFFpTEFvZ0"
    "lDQWdJQ0FnSUNJdVoybDBhSFZpSWl3S0lDQWdJQ0FnSUNBaUxtZHBkR2xuYm05eVpTSXNDaUFnSUNBZ0lDQWdJaTVuYVhSaGRIUnlhV0oxZEdW"
    "eklnb2dJQ0FnSUNCZExBb2dJQ0FnSUNBaWJXVjBhRzlrSWpvZ0ltWnBiR1Z6SWl3S0lDQWdJQ0FnSW1oaGMyaGZkSGx3WlNJNklDSnphR0V5Tl"
    "RZaUNpQWdJQ0I5Q2lBZ2ZRcDkiLCJwYXlsb2FkVHlwZSI6ImFwcGxpY2F0aW9uL3ZuZC5pbi10b3RvK2pzb24iLCJzaWduYXR1cmVzIjpbeyJz"
    "aWciOiJNRVFDSUdzUk9GQStGZS83VDFkOTRLRmowek5DK1I0d0Q1dURGckxSVGFvcUpmSkhBaUJwM2RJTXBiaFdaNEhxRk9NL01aUkNacnZpTm"
    "4yLytXVE1rTWNlUysvRTJRPT0iLCJrZXlpZCI6IiJ9XX19"
)
BY_SHARDS = (
    "eyJtZWRpYVR5cGUiOiJhcHBsaWNhdGlvbi92bmQuZGV2LnNpZ3N0b3JlLmJ1bmRsZS52MC4zK2pzb24iLCJ2ZXJpZmljYXRpb25NYXRlcmlhbC"
    "I6eyJwdWJsaWNLZXkiOnsiaGludCI6ImY4NDdiZGFiYmIzOWZkOTI0MDUxNmMzZjczYzJiMWRjMzc4MzQyYWU3OGM4ZWMzMGIxYWNjYTliZTdj"
    "ODNiZmYifSwidGxvZ0VudHJpZXMiOltdfSwiZHNzZUVudmVsb3BlIjp7InBheWxvYWQiOiJld29nSUNKZmRIbHdaU0k2SUNKb2RIUndjem92TD"
    "JsdUxYUnZkRzh1YVc4dlUzUmhkR1Z0Wlc1MEwzWXhJaXdLSUNBaWMzVmlhbVZqZENJNklGc0tJQ0FnSUhzS0lDQWdJQ0FnSW01aGJXVWlPaUFp"
    "Ylc5a1pXd2lMQW9nSUNBZ0lDQWlaR2xuWlhOMElqb2dld29nSUNBZ0lDQWdJQ0p6YUdFeU5UWWlPaUFpTVRGak1HSTBPVEl6TkRjME9EYzJZV1"
    "V3T1dKaVlXRTBZV1V3Wkdaa05ERTNOV1JrWVdNMU9XTmxPV0ZpWVdGalkyRXdPR1ZtWXpJNU5HTTJaVGMwTWlJS0lDQWdJQ0FnZlFvZ0lDQWdm"
    "UW9nSUYwc0NpQWdJbkJ5WldScFkyRjBaVlI1Y0dVaU9pQWlhSFIwY0hNNkx5OXRiMlJsYkY5emFXZHVhVzVuTDNOcFoyNWhkSFZ5WlM5Mk1TNH"
    "dJaXdLSUNBaWNISmxaR2xqWVhSbElqb2dld29nSUNBZ0luSmxjMjkxY21ObGN5STZJRnNLSUNBZ0lDQWdld29nSUNBZ0lDQWdJQ0poYkdkdmNt"
    "bDBhRzBpT2lBaVlteGhhMlV5WWkxemFHRnlaR1ZrTFRJaUxBb2dJQ0FnSUNBZ0lDSnVZVzFsSWpvZ0ltRXVZbWx1T2pBNk1pSXNDaUFnSUNBZ0"
    "lDQWdJbVJwWjJWemRDSTZJQ0ppWm1KalltVTNZV1JsT1RNd016UmxaVEJoTkRGaE1tVmhOMkkxWm1RNE1XUTRPV0prWWpGa056VmtNV0ZtTWpN"
    "d1pXRXpOMlEzWVdKbE56RXdOemhtTVdSbU5tUmlOR1F5TlRGalltTTJZalU0WlRnNU5qTmtZakkxTkRabU1HWTFNemxqT0RCaU1HWXdPR013Wm"
    "1Sa09HTXdZVGN4TURjMVl6azNZak5sTnlJS0lDQWdJQ0FnZlN3S0lDQWdJQ0FnZXdvZ0lDQWdJQ0FnSUNKaGJHZHZjbWwwYUcwaU9pQWlZbXho"
    "YTJVeVlpMXphR0Z5WkdWa0xUSWlMQW9nSUNBZ0lDQWdJQ0p1WVcxbElqb2dJbUV1WW1sdU9qSTZNeUlzQ2lBZ0lDQWdJQ0FnSW1ScFoyVnpkQ0"
    "k2SUNKallUWTVNVFJrTW1Vek0ySTRNMll5WWpKak5qWmxOR1UyTWpWaVl6RmtNRGcyTnpSbVlXVTJNRFV3TURoaE1qRTFNVFkxWkROak0yRTVP"
    "VGRrTjJRNU1qazBOVGt3TlRJd04yRTFNemxoTnpNeU4ySmxNR1l5TnpJNFptRTVZV1ZsTURBMVpHRTVOalF4TkRBM1pUVm1NMlUwWldZMU5XST"
    "BORFppTkRjd1lTSUtJQ0FnSUNBZ2ZTd0tJQ0FnSUNBZ2V3b2dJQ0FnSUNBZ0lDSmhiR2R2Y21sMGFHMGlPaUFpWW14aGEyVXlZaTF6YUdGeVpH"
    "VmtMVElpTEFvZ0lDQWdJQ0FnSUNKdVlXMWxJam9nSW5OMVlpOWlMbUpwYmpvd09qSWlMQW9nSUNBZ0lDQWdJQ0prYVdkbGMzUWlPaUFpWmpJNV"
    "lqRTJZVEF4WVdGa1pUZzBZV1ZpWldGaE56Y3pPVEJqTTJVM016WTVZMk0wWkdRMU1EQm1ZemxrWXpoaU5qZzNORFpoT0RabFltRTRaV0k0WVRC"
    "bU1qa3lNR1JsWlRVMk1qaGhOVGM1T0RnNU5qVXhPRFJpWWpNeU9EazNZVGxoTnpJMU1UZzFaV1E0TTJJMlptVXdOakppTnpJeVlURTJNV1V3Tl"
    "dFaUNpQWdJQ0FnSUgwc0NpQWdJQ0FnSUhzS0lDQWdJQ0FnSUNBaVlXeG5iM0pwZEdodElqb2dJbUpzWVd0bE1tSXRjMmhoY21SbFpDMHlJaXdL"
    "SUNBZ0lDQWdJQ0FpYm1GdFpTSTZJQ0p6ZFdJdllpNWlhVzQ2TWpveklpd0tJQ0FnSUNBZ0lDQWlaR2xuWlhOMElqb2dJbU5oTmpreE5HUXlaVE"
    "16WWpnelpqSmlNbU0yTm1VMFpUWXlOV0pqTVdRd09EWTNOR1poWlRZd05UQXdPR0V5TVRVeE5qVmtNMk16WVRrNU4yUTNaRGt5T1RRMU9UQTFN"
    "akEzWVRVek9XRTNNekkzWW1Vd1pqSTNNamhtWVRsaFpXVXdNRFZrWVRrMk5ERTBNRGRsTldZelpUUmxaalUxWWpRME5tSTBOekJoSWdvZ0lDQW"
    "dJQ0I5Q2lBZ0lDQmRMQW9nSUNBZ0luTmxjbWxoYkdsNllYUnBiMjRpT2lCN0NpQWdJQ0FnSUNKaGJHeHZkMTl6ZVcxc2FXNXJjeUk2SUdaaGJI"
    "TmxMQW9nSUNBZ0lDQWljMmhoY21SZmMybDZaU0k2SURJdU1Dd0tJQ0FnSUNBZ0ltbG5ibTl5WlY5d1lYUm9jeUk2SUZzS0lDQWdJQ0FnSUNBaU"
    "xtZHBkQ0lzQ2lBZ0lDQWdJQ0FnSWk1bmFYUm9kV0lpTEFvZ0lDQWdJQ0FnSUNJdVoybDBhV2R1YjNKbElpd0tJQ0FnSUNBZ0lDQWlMbWRwZEdG"
    "MGRISnBZblYwWlhNaUNpQWdJQ0FnSUYwc0NpQWdJQ0FnSUNKdFpYUm9iMlFpT2lBaWMyaGhjbVJ6SWl3S0lDQWdJQ0FnSW1oaGMyaGZkSGx3Wl"
    "NJNklDSmliR0ZyWlRKaUlnb2dJQ0FnZlFvZ0lIMEtmUT09IiwicGF5bG9hZFR5cGUiOiJhcHBsaWNhdGlvbi92bmQuaW4tdG90bytqc29uIiwi"
    "c2lnbmF0dXJlcyI6W3sic2lnIjoiTUVVQ0lRRHFoR3dSUHBuNDkydU5GTkxZdGtlbWdINXZ0OWR3ODM2cVBVK3ZSQkJuRWdJZ0NaaEtucjB3QW"
    "p1dGZFdGtscnIvbEZTbWhMSjR4cEJKRGtnNVpvWVhoUlU9Iiwia2V5aWQiOiIifV19fQ=="
)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"hi\n")
    (folder / "sub" / "b.bin").write_bytes(b"yo\n")
    (folder / "empty").write_bytes(b"")
    return folder


def remade(bundle, key=KEY, **changes):
    """A bundle with another statement, signed again."""
    whole = json.loads(bundle)
    statement = json.loads(base64.b64decode(whole["dsseEnvelope"]["payload"]))
    for path, value in changes.items():
        *folders, last = path.split("__")
        place = statement
        for folder in folders:
            place = place[folder]
        place[last] = value
    payload = json.dumps(statement).encode()
    text = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    signature = key.sign(text, ec.ECDSA(SHA256()))
    whole["dsseEnvelope"] |= {
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(whole).encode()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_a_signed_directory_is_confirmed_with_the_public_key(model, curve):
    key = ec.derive_private_key(7, curve)
    assert verify(model, sign(model, key), key.public_key()) == Signed("model", ("a.bin", "empty", "sub/b.bin"), GIT)


def test_a_signed_file_is_confirmed_under_any_name(model):
    bundle = sign(model / "a.bin", KEY)
    (model / "a.bin").rename(model / "c.bin")
    assert verify(model / "c.bin", bundle, KEY.public_key()) == Signed("a.bin", (".",), ())


@pytest.mark.parametrize("bundle", [BY_FILES, BY_SHARDS], ids=["files", "shards"])
def test_signatures_of_the_reference_program_are_confirmed(model, bundle):
    found = verify(model, base64.b64decode(bundle), KEY.public_key())
    assert {"a.bin", "sub/b.bin"} <= set(found.files)
    (model / "a.bin").write_bytes(b"ha\n")
    with pytest.raises(DigestError, match=r"model/a\.bin is not what was signed"):
        verify(model, base64.b64decode(bundle), KEY.public_key())


def test_another_key_did_not_sign_it(model):
    other = ec.derive_private_key(8, ec.SECP256R1())
    with pytest.raises(SealError, match="not made with this key"):
        verify(model, sign(model, KEY), other.public_key())


def test_a_statement_that_was_changed_is_refused_before_it_is_read(model):
    whole = json.loads(sign(model, KEY))
    whole["dsseEnvelope"]["payload"] = base64.b64encode(b"no JSON").decode()
    with pytest.raises(SealError, match="was changed"):
        verify(model, json.dumps(whole).encode(), KEY.public_key())


def test_a_changed_file_is_named(model):
    bundle = sign(model, KEY)
    (model / "sub" / "b.bin").write_bytes(b"yo?")
    with pytest.raises(DigestError, match=r"model/sub/b\.bin is not what was signed"):
        verify(model, bundle, KEY.public_key())


def test_a_missing_file_is_named(model):
    bundle = sign(model, KEY)
    (model / "a.bin").unlink()
    with pytest.raises(PathError, match=r"model/a\.bin was signed and is not there"):
        verify(model, bundle, KEY.public_key())


def test_a_file_that_was_not_signed_is_named(model):
    bundle = sign(model, KEY)
    (model / "sub" / "c.bin").write_bytes(b"")
    with pytest.raises(PathError, match=r"model/sub/c\.bin is not part of what was signed"):
        verify(model, bundle, KEY.public_key())
    assert verify(model, bundle, KEY.public_key(), ignore=["sub/c.bin"]).name == "model"


def test_what_the_signer_left_out_may_change_and_is_told(model):
    (model / "notes").mkdir()
    (model / "notes" / "a").write_text("1")
    bundle = sign(model, KEY, ignore=["notes"])
    (model / "notes" / "a").write_text("2")
    (model / ".git").mkdir()
    assert verify(model, bundle, KEY.public_key()).ignored == (*GIT, "notes")


def test_a_link_is_neither_signed_nor_confirmed(model):
    bundle = sign(model, KEY)
    (model / "a.bin").rename(model.parent / "elsewhere")
    (model / "a.bin").symlink_to(model.parent / "elsewhere")
    with pytest.raises(PathError, match="is a link"):
        verify(model, bundle, KEY.public_key())
    with pytest.raises(PathError, match="is a link"):
        sign(model, KEY)


def test_a_pipe_is_refused(model):
    os.mkfifo(model / "pipe")
    with pytest.raises(PathError, match="neither a file nor a directory"):
        sign(model, KEY)


def test_a_signature_of_a_file_does_not_fit_a_directory(model):
    with pytest.raises(PathError, match="is of one file"):
        verify(model, sign(model / "a.bin", KEY), KEY.public_key())


def test_names_in_a_signed_list_do_not_leave_the_directory(model):
    (model.parent / "b").write_bytes(b"")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    bundle = remade(
        sign(model, KEY),
        predicate__resources=[{"name": "../b", "digest": digest}],
    )
    with pytest.raises((PathError, FormatError)):
        verify(model, bundle, KEY.public_key())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"predicate__serialization": {"method": "files", "hash_type": "md5", "ignore_paths": []}},
            "hashes with 'md5'",
        ),
        ({"predicate__serialization": {"method": "files", "hash_type": "sha256"}}, "which paths it leaves out"),
        ({"predicate__resources": [{"name": "a.bin"}]}, "a file without its digest"),
        ({"predicate__resources": [{"name": "a.bin", "digest": "xyz"}]}, "not hexadecimal"),
        ({"predicate__resources": []}, "not the one that its subject names"),
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "not one of OpenSSF Model Signing"),
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "not one of OpenSSF Model Signing"),
    ],
)
def test_a_statement_of_another_kind_is_refused(model, changes, message):
    with pytest.raises(FormatError, match=message):
        verify(model, remade(sign(model, KEY), **changes), KEY.public_key())
    assert (STATEMENT, PREDICATE) == ("https://in-toto.io/Statement/v1", "https://model_signing/signature/v1.0")


@pytest.mark.parametrize(
    "names", [["a.bin:1:3"], ["a.bin:0:2"], ["a.bin:0:2", "a.bin:3:3"], ["a.bin:0:9"], ["a.bin"], ["a.bin:x:y"]]
)
def test_shards_that_do_not_cover_their_file_are_refused(model, names):
    for name in ("empty", "sub/b.bin"):
        (model / name).unlink()
    content = b"hi\n"
    digests = []
    for name in names:
        limits = name.split(":")[1:]
        piece = content[int(limits[0]) : int(limits[1])] if "".join(limits).isdigit() else b""
        digests.append(hashlib.sha256(piece).hexdigest())
    bundle = remade(
        sign(model, KEY),
        predicate__serialization={"method": "shards", "hash_type": "sha256", "ignore_paths": []},
        predicate__resources=[{"name": n, "digest": d} for n, d in zip(names, digests, strict=True)],
        subject=[
            {"name": "model", "digest": {"sha256": hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()}}
        ],
    )
    with pytest.raises((FormatError, DigestError)):
        verify(model, bundle, KEY.public_key())


@pytest.mark.parametrize(
    "bundle",
    [b"", b"\xff", b"{}", b"[]", b'{"a":1,"a":2}', json.dumps({"mediaType": MEDIA_TYPE}).encode()],
)
def test_what_is_no_bundle_is_refused(model, bundle):
    with pytest.raises(FormatError):
        verify(model, bundle, KEY.public_key())


def test_a_bundle_with_a_certificate_names_the_program_that_checks_it(model):
    whole = json.loads(sign(model, KEY))
    whole["verificationMaterial"] = {"certificate": {"rawBytes": ""}}
    with pytest.raises(FormatError, match="program model_signing"):
        verify(model, json.dumps(whole).encode(), KEY.public_key())


def test_a_key_of_another_curve_is_refused(model):
    with pytest.raises(SealError, match="this key is of secp256k1"):
        sign(model, ec.derive_private_key(7, ec.SECP256K1()))
