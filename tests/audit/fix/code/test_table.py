"""What is done about each rule, and for each of its own bad examples."""

from __future__ import annotations

import pytest
from tests.audit.fix.code.editing import edited, found, mended

from leyden.audit.code.source import SOURCE
from leyden.audit.fix.code.edits import UnfitError
from leyden.audit.fix.code.table import TREATMENTS, UNTREATED

BAD = [(rule.id, text) for rule in SOURCE.rules for text in rule.bad if rule.id not in UNTREATED]


def test_it_is_decided_for_every_rule_of_code():
    assert TREATMENTS.keys().isdisjoint(UNTREATED)
    assert TREATMENTS.keys() | UNTREATED.keys() == {rule.id for rule in SOURCE.rules}


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_example_is_left_or_is_good_afterwards(rule, text):
    """That nothing else is different is what ``edited`` itself sees to."""
    _, changes = mended(text)
    if any(change.finding.rule == rule for change in changes):
        after = edited(text)
        assert rule not in [finding.rule for finding in found(after)]
        assert mended(after)[1] == []
    else:
        assert text in LEFT


LEFT = (
    "import torch\noptions = {'weights_only': False}\ntorch.load(path, **options)",
    "import torch\nstates = map(torch.load, paths)",
    "import numpy\nnumpy.load(path, None, True)",
    "from yaml import load, FullLoader\nload(stream, FullLoader)",
    "from ruamel.yaml import YAML\nYAML(typ='unsafe').load(stream)",
    "from tensorflow import keras\nkeras.config.enable_unsafe_deserialization()",
    "import torch\ndef load(path, weights_only=False): return torch.load(path, weights_only=weights_only)",
    "parser.add_argument('--host', default='0.0.0.0')",
    "def serve(app, host='0.0.0.0'): ...",
    "class Settings:\n    host: str = '0.0.0.0'",
    "import socket\nsocket.socket().bind(('', 80))",
    "import ssl\nssl._create_default_https_context = ssl._create_unverified_context",
    "import ssl\ncontext.verify_mode = ssl.CERT_NONE",
    "import os\nos.umask(0)",
    "import litserve\nlitserve.LitServer(api).run(port=8000)",
    (
        "import lightning as L\nclass M(L.LightningModule):\n    def __init__(self, lr, token):\n"
        "        self.save_hyperparameters({'lr': lr, 'api_token': token})"
    ),
    "from multiprocessing.connection import Listener\nListener(('0.0.0.0', 6000), authkey=key)",
    "from multiprocessing.managers import BaseManager\nBaseManager(address=('', 5000), authkey=key)",
    "from tensorboard import program\nprogram.TensorBoard().configure(argv=[None, '--bind_all'])",
)
INIT = "import lightning as L\nclass M(L.LightningModule):\n  def __init__(self, lr, api_key, db_password):\n    "
EDITS = {
    INIT + "self.save_hyperparameters()": '    self.save_hyperparameters(ignore=["api_key", "db_password"])',
    INIT + "self.save_hyperparameters('lr', 'api_key')": "    self.save_hyperparameters('lr')",
    "import torch\ntorch.load(p, weights_only=False)": "torch.load(p, weights_only=True)",
    "import torch, dill\ntorch.load(p, pickle_module=dill)": "torch.load(p, weights_only=True)",
    "import torch\ntorch.hub.load_state_dict_from_url(u)": (
        "torch.hub.load_state_dict_from_url(u, weights_only=True, check_hash=True)"
    ),
    "import numpy as np\nnp.load(p, allow_pickle=True, mmap_mode='r')": "np.load(p, mmap_mode='r')",
    "import yaml\nyaml.load(s, yaml.Loader)": "yaml.safe_load(s)",
    "import yaml\nyaml.load_all(s, Loader=yaml.FullLoader)": "yaml.safe_load_all(s)",
    "import requests\nrequests.get(u, verify=False, timeout=3)": "requests.get(u, timeout=3)",
    "import requests\nrequests.get(f'http://a.org/{n}')": "requests.get(f'https://a.org/{n}')",
    "import requests\nrequests.get(R'http://a.org/b')": "requests.get(R'https://a.org/b')",
    "import uvicorn\nuvicorn.run(a, host=r'0.0.0.0')": "uvicorn.run(a, host=r'127.0.0.1')",
    "import os\nos.chmod(p, 0o2777)": "os.chmod(p, 0o2755)",
    "import shutil\nshutil.unpack_archive('a', 'b')": "shutil.unpack_archive('a', 'b', filter='data')",
    'import shutil\nshutil.unpack_archive("a", "b")': 'shutil.unpack_archive("a", "b", filter="data")',
}


@pytest.mark.parametrize(("before", "after"), EDITS.items())
def test_a_call_becomes(before, after):
    assert edited(before).decode().splitlines()[-1] == after


@pytest.mark.parametrize(
    "text",
    [
        "import requests\nrequests.get('http:' '//a.org/b')  # http://",
        "import requests\nrequests.get('\\x68ttp://a.org/b')  # http://",
    ],
)
def test_what_is_written_in_another_way_is_left(text):
    with pytest.raises(UnfitError):
        edited(text)
