"""Rules about code and what is around it: the network, files that others can reach, secrets."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_REACHED: Final = "Every machine that reaches this one can talk to it."

LISTENS: Final = Rule(
    id="LEY241",
    name="listens-everywhere",
    title="A server listens on all interfaces",
    severity=Severity.MEDIUM,
    cwe=1327,
    why=_REACHED + " Tools for training seldom ask who is there.",
    mend="Listen on `127.0.0.1` and reach it through SSH, or put a proxy with TLS and a login before it.",
    bad=(
        "import uvicorn\nuvicorn.run(app, host='0.0.0.0')",
        "import socket\nsocket.socket().bind(('', 80))",
        "import gradio\ngradio.Interface(f).launch(server_name='0.0.0.0', auth=check)",
        "import ray\nray.init(dashboard_host='::')",
        "import litserve\nlitserve.LitServer(api).run(port=8000)",
        "from multiprocessing.connection import Listener\nListener(('0.0.0.0', 6000), authkey=key)",
        "from multiprocessing.managers import BaseManager\nBaseManager(address=('', 5000), authkey=key)",
        "from tensorboard import program\nprogram.TensorBoard().configure(argv=[None, '--bind_all'])",
        "parser.add_argument('--host', default='0.0.0.0')",
        "def serve(app, host='0.0.0.0'): ...",
        "class Settings:\n    host: str = '0.0.0.0'",
    ),
    good=("import uvicorn\nuvicorn.run(app, host='127.0.0.1')", "import socket\nsocket.socket().bind(('', 0))"),
)
RENDEZVOUS: Final = Rule(
    id="LEY242",
    name="rendezvous-open",
    title="Processes of a job meet where anybody can join them",
    severity=Severity.LOW,
    cwe=306,
    why="torch's TCP store asks nobody who they are, listens on all interfaces whatever host it is given, and lets "
    "every client read and write what the ranks tell each other.",
    mend="On one machine, a file in a private directory: `init_method='file://…'`. Between machines, a network of your "
    "own or a tunnel, and a firewall for the port.",
    bad=(
        "import torch.distributed as dist\ndist.init_process_group('gloo', init_method='tcp://10.1.1.20:23456')",
        "import torch\ntorch.distributed.TCPStore('10.1.1.20', 1234, 2, True)",
        "from dask.distributed import Client\nClient('tcp://scheduler:8786')",
    ),
    good=("import torch.distributed as dist\ndist.init_process_group('gloo', init_method='file:///run/job/store')",),
)
RPC: Final = Rule(
    id="LEY243",
    name="rpc-open",
    title="Any process that reaches torch's RPC runs code here",
    severity=Severity.HIGH,
    cwe=306,
    why=_REACHED + " torch.distributed.rpc unpickles and calls what its peers send, without asking who they are.",
    mend="Use collectives, or an RPC with authentication such as gRPC with mutual TLS.",
    advisories=("CVE-2024-5480",),
    bad=("import torch.distributed.rpc as rpc\nrpc.init_rpc('worker', rank=0, world_size=2)",),
    good=("import torch.distributed as dist\ndist.all_reduce(tensor)",),
)
OBJECTS: Final = Rule(
    id="LEY244",
    name="unpickles-from-ranks",
    title="Objects between ranks travel as pickles",
    severity=Severity.LOW,
    cwe=502,
    why="One rank that somebody else controls, or a store that anybody can write to, runs code on all of them.",
    mend="Send tensors, or JSON as a tensor of bytes.",
    bad=("import torch.distributed as dist\ndist.broadcast_object_list(values)",),
    good=("import torch.distributed as dist\ndist.broadcast(tensor, 0)",),
)
DEBUGGER: Final = Rule(
    id="LEY245",
    name="debugger-served",
    title="A server is started with its debugger",
    severity=Severity.HIGH,
    cwe=489,
    why="The debugger of Flask runs Python that a browser sends. Its PIN can be guessed from files of the machine.",
    mend="Leave out `debug=True`; use `flask --debug run` while developing.",
    bad=("from flask import Flask\napp = Flask(__name__)\napp.run(debug=True)",),
    good=("from flask import Flask\napp = Flask(__name__)\napp.run()",),
)
SHARED: Final = Rule(
    id="LEY246",
    name="served-without-login",
    title="A page is put on the internet without a login",
    severity=Severity.MEDIUM,
    cwe=306,
    why="`share=True` opens a tunnel to this process: whoever finds the address uses the machine and uploads files.",
    mend="`launch(auth=…)`, or leave out `share=True`.",
    bad=("import gradio as gr\ngr.Interface(f).launch(share=True)",),
    good=(
        "import gradio as gr\ngr.Interface(f).launch(share=True, auth=check)",
        "import gradio as gr\ngr.Blocks().launch()",
    ),
)
TLS: Final = Rule(
    id="LEY247",
    name="tls-unchecked",
    title="Whose certificate it is, is not checked",
    severity=Severity.HIGH,
    cwe=295,
    why="Everybody on the way can answer in the place of the server, and gives what is loaded afterwards.",
    mend="Leave the check on. For a certificate of your own: `verify='ca.pem'`.",
    bad=(
        "import requests\nrequests.get(url, verify=False)",
        "import ssl\nssl._create_default_https_context = ssl._create_unverified_context",
        "import ssl\ncontext.verify_mode = ssl.CERT_NONE",
        "import urllib3, ssl\nurllib3.PoolManager(cert_reqs=ssl.CERT_NONE)",
        "import httpx\nhttpx.Client(verify=False)",
    ),
    good=(
        "import requests\nrequests.get(url)",
        "import requests\nrequests.get(url, verify='ca.pem')",
        "import ssl\nif context.verify_mode == ssl.CERT_NONE: ...",
        "check(verify=False)",
    ),
)
PLAIN_HTTP: Final = Rule(
    id="LEY248",
    name="download-in-the-clear",
    title="A file is downloaded without https",
    severity=Severity.MEDIUM,
    cwe=319,
    why="Everybody on the way can change what arrives.",
    mend="Use https, and compare a digest.",
    bad=(
        "import urllib.request\nurllib.request.urlretrieve('http://host.org/data.tgz', 'data.tgz')",
        "import requests\nrequests.get(f'http://host.org/{name}')",
    ),
    good=(
        "import requests\nrequests.get('https://host.org/a')",
        "import requests\nrequests.get('http://localhost:8000')",
    ),
)
SOCKET_PICKLES: Final = Rule(
    id="LEY249",
    name="unpickles-from-sockets",
    title="Pickles are taken from a socket",
    severity=Severity.HIGH,
    cwe=502,
    why="Whoever can connect runs code.",
    mend="JSON or msgpack, with a schema. For `multiprocessing`, an `authkey` that only the peers know.",
    advisories=("CVE-2025-47277",),
    bad=(
        "import zmq\nzmq.Context().socket(zmq.PULL).recv_pyobj()",
        "from multiprocessing.connection import Listener\nListener(('10.0.0.1', 6000))",
    ),
    good=("import zmq\nzmq.Context().socket(zmq.PULL).recv_json()", ("from multiprocessing.connection import Listener\n"
          "Listener(address, authkey=key)")),
)  # fmt: skip
SENDS_OUT: Final = Rule(
    id="LEY250",
    name="sends-code-or-models-out",
    title="Code, checkpoints or usage are sent to a service",
    severity=Severity.INFO,
    cwe=359,
    why="What a tracking service holds is as safe as its accounts. Code and checkpoints hold more than one remembers.",
    mend="Leave the option out, or run the service yourself.",
    bad=(
        "import wandb\nwandb.init(project='p', save_code=True)",
        "from lightning.pytorch.loggers import WandbLogger\nWandbLogger(log_model='all')",
        "import gradio\ngradio.Blocks(analytics_enabled=True)",
    ),
    good=("import wandb\nwandb.init(project='p', mode='offline')",),
)
HOST_KEY: Final = Rule(
    id="LEY251",
    name="host-key-unchecked",
    title="SSH takes the key of any host",
    severity=Severity.MEDIUM,
    cwe=322,
    why="Everybody on the way can answer in the place of the host.",
    mend="`client.load_system_host_keys()` and `paramiko.RejectPolicy`, which is what it does by default.",
    bad=("import paramiko\nclient.set_missing_host_key_policy(paramiko.AutoAddPolicy())",),
    good=("import paramiko\nclient.set_missing_host_key_policy(paramiko.RejectPolicy())",),
)
WRITABLE: Final = Rule(
    id="LEY261",
    name="makes-writable",
    title="Files are made that everybody may change",
    severity=Severity.MEDIUM,
    cwe=732,
    why="Whoever has another account on the machine replaces a checkpoint, and with it what the next training loads.",
    mend="`0o700` for directories and `0o600` for files.",
    bad=(
        "import os\nos.chmod(path, 0o777)",
        "import os\nos.umask(0)",
        "from pathlib import Path\nPath(p).chmod(0o666)",
    ),
    good=("import os\nos.chmod(path, 0o755)", "import os\nos.umask(0o077)"),
)
TEMPORARY: Final = Rule(
    id="LEY262",
    name="predictable-temporary",
    title="A file is written under a name in /tmp that others can foresee",
    severity=Severity.LOW,
    cwe=377,
    why="Somebody else puts a file or a link there first: then they choose what is read, or which file is overwritten.",
    mend="`tempfile.mkdtemp()` or `tempfile.NamedTemporaryFile()`.",
    bad=(
        "import tempfile\npath = tempfile.mktemp()",
        "import torch\ntorch.save(state, '/tmp/model.pt')",
        "with open('/tmp/log.txt', 'w') as stream: ...",
        "import lightning as L\nL.Trainer(default_root_dir='/tmp/run')",
        "from pathlib import Path\n(Path('/tmp') / 'model').write_bytes(data)",
        "import os\nos.makedirs('/tmp/cache', exist_ok=True)",
        "frame.to_csv('/tmp/table.csv')",
    ),
    good=(
        "import tempfile\npath = tempfile.mkdtemp()",
        "open('/tmp/log.txt')",
        "import torch\ntorch.save(s, 'model.pt')",
    ),
)
UNPACKS: Final = Rule(
    id="LEY263",
    name="unpacks-anywhere",
    title="An archive is unpacked without a look at the names in it",
    severity=Severity.MEDIUM,
    cwe=22,
    why="Names such as `../../.bashrc`, and links, lead out of the directory. Python before 3.14 follows them in tar "
    "archives unless it is told not to.",
    mend="`archive.extractall(directory, filter='data')`.",
    bad=(
        "import tarfile\nwith tarfile.open(path) as archive:\n    archive.extractall(directory)",
        "import shutil\nshutil.unpack_archive('data.tar.gz', directory)",
    ),
    good=(
        "import tarfile\nwith tarfile.open(path) as archive:\n    archive.extractall(directory, filter='data')",
        "import zipfile\nzipfile.ZipFile(path).extractall(directory)",
    ),
)
SECRET: Final = Rule(
    id="LEY264",
    name="secret-in-code",
    title="A password or key is written in the code",
    severity=Severity.HIGH,
    cwe=798,
    why="Whoever has the code has the secret, and so has everybody who ever had it: it stays in the history.",
    mend="Revoke it, take a new one, and read it from the environment or a file that only you can read.",
    bad=(
        "api_key = 'c8Kq2vX9rT4mZ7bN1wLp'",
        "connect(password='hunter2-Xy7qpt')",
        "config = {'token': 'q9Zr8Ts7Vu6Xw5Yx'}",
        "def connect(user, password='hunter2-Xy7qpt', *, api_key=None): ...",
        "import wandb\nwandb.login(key='c8Kq2vX9rT4mZ7bN1wLp')",
    ),
    good=("api_key = os.environ['API_KEY']", "token = '<pad>'", "password = ''", "pad_token = 'AbCdEf123456789'",
          "api_key = '[secret]'"),
)  # fmt: skip
SECRET_SHOWN: Final = Rule(
    id="LEY265",
    name="secret-shown",
    title="A secret of the environment is printed or logged",
    severity=Severity.MEDIUM,
    cwe=532,
    why="Logs are read, kept and sent on by more people than the secret is meant for.",
    mend="Say that it is set, and not what it is.",
    bad=(
        "import os\nprint(os.environ['API_KEY'])",
        "import os, logging\nlogging.info('key %s', os.getenv('HF_TOKEN'))",
    ),
    good=("import os\nprint('API_KEY' in os.environ)", "import os\nprint(os.environ['HOME'])"),
)
DELETES: Final = Rule(
    id="LEY266",
    name="deletes-what-data-names",
    title="Files are deleted whose path comes from a file or the network",
    severity=Severity.MEDIUM,
    cwe=73,
    why="A path such as `/` or `../..` in a configuration or a checkpoint deletes what nobody meant.",
    mend="Resolve the path and see that it lies in the directory that you made before anything is deleted.",
    bad=("import shutil, json\nshutil.rmtree(json.load(stream)['output'])",),
    good=("import shutil\nshutil.rmtree('build')",),
)
UPLOAD: Final = Rule(
    id="LEY267",
    name="writes-where-request-says",
    title="A request chooses the path of a file that is written",
    severity=Severity.HIGH,
    cwe=22,
    why="`../../app.py` as the name of an upload replaces the program.",
    mend="Make a name of your own; keep the sender's only as a label.",
    advisories=("CVE-2024-5980",),
    bad=("from flask import request\nopen('uploads/' + request.args['name'], 'wb')",),
    good=("import uuid\nopen(f'uploads/{uuid.uuid4()}', 'wb')",),
)

SURROUNDINGS: Final[tuple[Rule, ...]] = (
    LISTENS,
    RENDEZVOUS,
    RPC,
    OBJECTS,
    DEBUGGER,
    SHARED,
    TLS,
    PLAIN_HTTP,
    SOCKET_PICKLES,
    SENDS_OUT,
    HOST_KEY,
    WRITABLE,
    TEMPORARY,
    UNPACKS,
    SECRET,
    SECRET_SHOWN,
    DELETES,
    UPLOAD,
)
