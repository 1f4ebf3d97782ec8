"""What was found in real packages and is harmless, beside its nearest neighbour that is not."""

from __future__ import annotations

import pytest
from tests.audit.code.programs import rules

IO = "import io, pickle, torch\n"
PICKLER = "import pickle\nclass R(pickle.Unpickler):\n  def find_class(self, module, name):\n    "
STORE = "import torch.distributed as dist\n"


@pytest.mark.parametrize(
    ("harmless", "harmful", "rule"),
    [
        (
            IO + "b = io.BytesIO()\ntorch.save(net, b)\nb.seek(0)\ntorch.load(b, weights_only=False)",
            IO + "b = io.BytesIO()\ndownload(b)\nb.seek(0)\ntorch.load(b, weights_only=False)",
            "LEY201",
        ),
        (
            IO + "b = io.BytesIO()\ntorch.save(net, b)\ntorch.load(io.BytesIO(b.getvalue()), weights_only=False)",
            IO + "b = get()\ntorch.load(io.BytesIO(b.getvalue()), weights_only=False)",
            "LEY201",
        ),
        (
            IO + "def f():\n  b = io.BytesIO()\n  pickle.dump(1, b)\n  b = io.BytesIO()\n  return pickle.load(b)",
            IO + "def f():\n  b = open(p, 'rb')\n  pickle.dump(1, b)\n  return pickle.load(b)",
            "LEY204",
        ),
        (
            "from pickle import dumps, loads\nassert loads(dumps(x)) == x",
            "from pickle import dumps, loads\nassert loads(x) == dumps(x)",
            "LEY204",
        ),
        (IO + "x = array.dumps()\npickle.loads(x)", IO + "x = array.read()\npickle.loads(x)", "LEY204"),
        (
            IO + "x = pickle.dumps(1)\npickle.loads(x)",
            IO + "x = pickle.dumps(1)\nx, y = get()\npickle.loads(x)",
            "LEY204",
        ),
        (IO + "x = b'a'\nx = b'b'\npickle.loads(x)", IO + "x = b'a'\nx = read()\npickle.loads(x)", "LEY204"),
        (PICKLER + "raise ValueError\nR(stream).load()", PICKLER + "return vars(m)[name]\nR(stream).load()", "LEY204"),
        (
            PICKLER + "if name in KNOWN:\n      return vars(m)[name]\n    refuse(name)\nR(stream).load()",
            PICKLER + "if name in MOVED:\n      name = MOVED[name]\n    return vars(m)[name]\nR(stream).load()",
            "LEY204",
        ),
        ("import torch\nIGNORED = {torch.load, torch.save}", "import torch\nREADERS = [torch.load]", "LEY202"),
        ("for x in ('1', '2'):\n  eval(x)", "for x in ('1', y):\n  eval(x)", "LEY231"),
        ("exec(compile('1', 'f', 'exec'))", "exec(compile(text, 'f', 'exec'))", "LEY231"),
        (
            "import os, configparser\nclass C(configparser.ConfigParser):\n  def d(self): os.remove(self.file)",
            "import os, configparser\nclass C(configparser.ConfigParser):\n  def d(self): os.remove(self['a'])",
            "LEY266",
        ),
        (
            "from multiprocessing.connection import Listener\nListener()\nListener('/run/me/socket')",
            "from multiprocessing.connection import Listener\nListener(family='AF_INET')",
            "LEY249",
        ),
        (
            "import ssl\nc = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\nc.verify_mode = ssl.CERT_NONE",
            "import ssl\nc = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\nc.verify_mode = ssl.CERT_NONE",
            "LEY247",
        ),
        ("assert eval(repr(x)) == x", "assert eval(text(x)) == x", "LEY231"),
        ("x = 'a'\nx = 'b'\neval(x)", "x = 'a'\nx = read()\neval(x)", "LEY231"),
        (STORE + "dist.TCPStore('host', 1)", STORE + "dist.TCPStore('host', 1, 2, rank == 0)", "LEY242"),
        (STORE + "dist.TCPStore('h', 1, is_master=False)", STORE + "dist.TCPStore('h', 1, is_master=True)", "LEY242"),
        (
            "import ssl\nclass C(object):\n  def __init__(self): self.verify_mode = ssl.CERT_NONE",
            "import ssl\nclass C(ssl.SSLContext):\n  def __init__(self): self.verify_mode = ssl.CERT_NONE",
            "LEY247",
        ),
        ("import os\nmask = os.umask(0)\nos.umask(mask)", "import os\nos.umask(0)", "LEY261"),
    ],
)
def test_the_harmless_one_is_not_found_and_its_neighbour_is(harmless, harmful, rule):
    assert rules(harmless) == []
    assert rule in rules(harmful)


def test_what_stands_for_a_secret_is_none():
    assert rules("api_key = '[secret]'") == []


def test_the_repr_of_what_a_stranger_sent_is_found():
    assert rules("import flask\neval(repr(flask.request.args['x']))") == ["LEY231"]
