"""Files made from others by accident or on purpose: whatever they are, a reader answers with findings, and soon."""

import random
import time
import zlib

import pytest
from benchmarks.audit import harmless, hostile

from leyden.audit.artifacts.source import read_artifact
from leyden.audit.finding import Artifact, Budget, File, Finding, LimitError, Limits, Place

SMALL = Limits(seconds=20, inflated=64 << 20)
PIECES = [
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x80\x04", b"\x95", b".", b"cos\nsystem\n", b"\xff" * 8,
    b"\0" * 9, b"\x93", b"R", b"b", b"(", b"t", b"{", b'"', b"}", b"\x1f\x8b", b"ustar", b"\x7f\xff\xff\xff",
]  # fmt: skip
# One small file for each reader.
SEEDS = {
    f"{kind}-{number}": (name, content)
    for kind, maker in (*harmless.KINDS.items(), ("Keras", hostile.keras), ("script", hostile.script))
    for number, (name, content) in enumerate(maker())
    if len(content) < 20_000
}
CHOSEN = sorted(SEEDS)[::4]


def records(name, content, limits=SMALL):
    """What the reader answers, and not what the engine makes of a reader that fails."""
    try:
        return list(read_artifact(File(Place(name), memoryview(content), Budget(limits))))
    except LimitError:
        return []


def mutated(content, chance):
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randrange(1, 30)]
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                piece = chance.choice(PIECES)
                data[at : at + len(piece)] = piece
            case _:
                data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randrange(200)]
    return bytes(data)


@pytest.mark.parametrize("seed", CHOSEN)
def test_a_changed_file_is_read_and_is_no_error(seed):
    name, content = SEEDS[seed]
    chance = random.Random(zlib.crc32(seed.encode()))
    start = time.monotonic()
    for _ in range(40):
        records(name, mutated(content, chance))
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("seed", CHOSEN[::3])
def test_a_file_cut_anywhere_is_read_and_is_no_error(seed):
    name, content = SEEDS[seed]
    step = max(1, len(content) // 200)
    for length in range(0, len(content), step):
        assert all(isinstance(one, (Finding, Artifact)) for one in records(name, content[:length]))


@pytest.mark.parametrize(
    "name", ["a.pt", "a.pkl", "a.safetensors", "a.npy", "a.npz", "a.onnx", "a.keras", "a.ckpt", "a.joblib"]
)
def test_noise_under_the_name_of_a_model_is_told(name):
    chance = random.Random(1)
    for _ in range(50):
        found = records(name, chance.randbytes(chance.randrange(30, 3_000)))
        assert any(isinstance(record, Finding) for record in found)
