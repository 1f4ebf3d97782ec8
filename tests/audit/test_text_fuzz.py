"""Programs, configuration and requirements that were changed: a reader answers with findings, and soon."""

from __future__ import annotations

import random
import time
import zlib

import pytest
from tests.audit.dependencies.test_formats import FILES

from leyden.audit.code.source import SOURCE as CODE
from leyden.audit.config.source import SOURCE as CONFIGURATION
from leyden.audit.dependencies.source import SOURCE as DEPENDENCIES
from leyden.audit.finding import Budget, File, Limits, Place

ROUNDS = 12
SLOWEST = 5.0  # seconds of the processor; the slowest takes some hundredths
PIECES = [
    b"{{", b"}}", b"${{ ", b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system", b"\0", b"\xff\xfe", b'"""', b"'",
    b"[", b"]", b"{", b"}", b": ", b"\n- ", b"\t", b"\\\n", b"==", b">=2,<3", b'; python_version<"3"',
    b"--hash=sha256:", b"\r", b"\xe2\x80\xa8", b"#SBATCH --x", b"FROM ", b"RUN ", b"ENV A=b", b"- uses: a/b@v1",
    b"_target_: os.system", b"1e999", b"0x" + b"f" * 400, b"9" * 5000, b"?", b"|", b"%TAG ! tag:x",
    b"---\n", b"...\n", b"lambda: ", b"match x:\n case y:",
]  # fmt: skip
SEEDS = {
    CODE: [("train.py", text) for rule in CODE.rules for text in (*rule.bad, *rule.good)],
    CONFIGURATION: [
        text.split(":\n", 1) for rule in CONFIGURATION.rules for text in (*rule.bad, *rule.good) if ":\n" in text
    ],
    DEPENDENCIES: [(name, text) for name, (text, _) in FILES.items()] * 10,
}


def mutated(content, others, chance):
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0 if at < len(data):
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 30)]
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                other = chance.choice(others)
                data[at:at] = other[chance.randrange(len(other) + 1) :]
            case _:
                data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randrange(200)]
    return bytes(data)


@pytest.mark.parametrize("source", SEEDS, ids=lambda source: source.name)
def test_a_changed_text_is_read_and_is_no_error(source):
    seeds = [(name, text.encode()) for name, text in SEEDS[source]]
    others = [content for _, content in seeds]
    chance = random.Random(zlib.crc32(source.name.encode()))
    for name, content in seeds * ROUNDS:
        data = mutated(content, others, chance)
        began = time.process_time()
        list(source.read(File(Place(name), memoryview(data), Budget(Limits(seconds=SLOWEST)))))
        assert time.process_time() - began < SLOWEST, (name, data)
