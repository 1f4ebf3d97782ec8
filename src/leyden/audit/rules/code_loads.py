"""Rules about code that reads models and other files: what runs, or may run, what is in them."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_RUNS: Final = (
    "Unpickling runs whatever the file names. Whoever can replace the file, or offer another, runs code here."
)
_AS_DATA: Final = "Keep weights as safetensors and settings as JSON, which hold data alone."

UNPARSED: Final = Rule(
    id="LEY200",
    name="code-not-parsed",
    title="Python code could not be parsed, so it was not looked at",
    severity=Severity.LOW,
    cwe=None,
    why="It is written for another version of Python, or is not Python at all. What it does is unknown.",
    mend="Run the audit with the Python that the code is written for, or leave the file out with `exclude`.",
    bad=("import torch\nprint torch.load('hello')",),
    good=("print('hello')",),
    blind=True,
)
TORCH_UNPICKLES: Final = Rule(
    id="LEY201",
    name="torch-load-unpickles",
    title="torch.load is told to unpickle anything",
    severity=Severity.HIGH,
    cwe=502,
    why=_RUNS + " `weights_only=False` and a `pickle_module` switch off the check that torch has since 1.13.",
    mend="`torch.load(path, weights_only=True)`. Where that refuses a class, keep the state dict alone: "
    "`leyden convert` makes a file of plain data once.",
    advisories=("CVE-2025-32434",),
    bad=(
        "import torch\ntorch.load('model.pt', weights_only=False)",
        "from torch import load as read\nread(path, weights_only=not True)",
        "import torch\noptions = {'weights_only': False}\ntorch.load(path, **options)",
        "import torch, functools\nread = functools.partial(torch.load, weights_only=False)",
        "import torch, dill\ntorch.load(path, pickle_module=dill)",
        "import importlib\nimportlib.import_module('torch').load(path, weights_only=False)",
        "import torch\ngetattr(torch, 'load')(path, weights_only=False)",
        "import torch\ndef load(path, weights_only=False): return torch.load(path, weights_only=weights_only)",
    ),
    good=("import torch\ntorch.load('model.pt', weights_only=True)", "import json\njson.load(stream)"),
)
TORCH_BY_DEFAULT: Final = Rule(
    id="LEY202",
    name="torch-load-by-default",
    title="torch.load leaves it to the version of torch whether it unpickles anything",
    severity=Severity.LOW,
    cwe=502,
    why="Without `weights_only`, torch before 2.6 runs whatever the file names, and so does every later one where "
    "`TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` is set.",
    mend="`torch.load(path, weights_only=True)`.",
    advisories=("CVE-2025-32434",),
    bad=("import torch\ntorch.load('model.pt')", "import torch\nstates = map(torch.load, paths)"),
    good=("import torch\ntorch.load('model.pt', weights_only=True)", "import torch\ntorch.load(path, **options)"),
)
TORCH_FORCED: Final = Rule(
    id="LEY203",
    name="torch-load-forced",
    title="The environment is told to let every torch.load unpickle anything",
    severity=Severity.HIGH,
    cwe=502,
    why=_RUNS + " The variable counts for the whole process, its libraries and its children.",
    mend="Remove it, and mend the one call that needs it.",
    bad=(
        "import os\nos.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '1'",
        "import os\nos.environ.setdefault('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', 'true')",
    ),
    good=("import os\nos.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'",),
)
UNPICKLES: Final = Rule(
    id="LEY204",
    name="unpickles",
    title="A pickle is loaded",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS + " dill, cloudpickle, shelve and jsonpickle are pickles too.",
    mend=_AS_DATA,
    bad=(
        "import pickle\npickle.load(stream)",
        "import cPickle as p\np.loads(data)",
        "from pickle import Unpickler\nUnpickler(stream).load()",
        "import dill\ndill.load(stream)",
        "import shelve\nshelve.open('cache')",
        "import pickle, requests\npickle.loads(requests.get(url).content)",
    ),
    good=(
        "import pickle\npickle.dump(value, stream)",
        "import pickle\ncopied = pickle.loads(pickle.dumps(value))",
        "import json\njson.loads(text)",
    ),
)
JOBLIB: Final = Rule(
    id="LEY205",
    name="joblib-load",
    title="joblib.load unpickles a file",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS,
    mend="For scikit-learn, `skops.io.load` with the types that you expect. " + _AS_DATA,
    bad=("import joblib\njoblib.load('model.joblib')", "from sklearn.externals import joblib\njoblib.load(path)"),
    good=("import joblib\njoblib.dump(model, path)", "import skops.io\nskops.io.load(path)"),
)
NUMPY: Final = Rule(
    id="LEY206",
    name="numpy-allows-pickle",
    title="numpy.load is told to unpickle objects",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS + " numpy refuses arrays of objects since 1.16.3 unless it is told not to.",
    mend="Leave out `allow_pickle=True`. Save arrays of numbers or text, or JSON.",
    bad=(
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy\nnumpy.load(path, None, True)",
        "import numpy\nnumpy.load(path, allow_pickle=1)",
    ),
    good=("import numpy as np\nnp.load(path)", "import numpy as np\nnp.load(path, allow_pickle=False)"),
)
PANDAS: Final = Rule(
    id="LEY207",
    name="pandas-unpickles",
    title="pandas.read_pickle unpickles a file",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS + " It also takes addresses and compressed files.",
    mend="Keep tables as Parquet, Feather or CSV.",
    bad=("import pandas as pd\npd.read_pickle('table.pkl')", "import pandas as pd\npd.read_hdf('table.h5')"),
    good=("import pandas as pd\npd.read_parquet('table.parquet')",),
)
YAML: Final = Rule(
    id="LEY208",
    name="yaml-makes-objects",
    title="YAML is read by a loader that imports and calls what the file names",
    severity=Severity.HIGH,
    cwe=502,
    why="`!!python/object/apply:os.system` in the file runs a command. Even FullLoader of PyYAML resolves names.",
    mend="`yaml.safe_load(stream)`.",
    advisories=("CVE-2020-14343", "CVE-2021-4118"),
    bad=(
        "import yaml\nyaml.load(stream, Loader=yaml.Loader)",
        "import yaml\nyaml.load(stream)",
        "import yaml\nyaml.unsafe_load(stream)",
        "from yaml import load, FullLoader\nload(stream, FullLoader)",
        "from ruamel.yaml import YAML\nYAML(typ='unsafe').load(stream)",
        "import ruamel.yaml\nruamel.yaml.load(stream, Loader=ruamel.yaml.UnsafeLoader)",
    ),
    good=(
        "import yaml\nyaml.safe_load(stream)",
        (
            "import yaml\ntry:\n    from yaml import CSafeLoader as Loader\nexcept ImportError:\n"
            "    from yaml import SafeLoader as Loader\nyaml.load(stream, Loader=Loader)"
        ),
        "import yaml\nclass Own(yaml.SafeLoader): ...\nyaml.load(stream, Own)",
    ),
)
HUB_RUNS: Final = Rule(
    id="LEY209",
    name="hub-runs-repository",
    title="torch.hub.load runs code of a repository as it is today",
    severity=Severity.MEDIUM,
    cwe=494,
    why="It downloads a repository's branch and runs its `hubconf.py`. Whoever can change the branch runs code here.",
    mend="Install the code from a release with a hash, and load the weights from a safetensors file. At least name a "
    "commit: `owner/repository:3f2a…`, and leave out `trust_repo=True`.",
    bad=("import torch\ntorch.hub.load('owner/repository', 'resnet')",),
    good=("import torch\ntorch.hub.load('checkout', 'resnet', source='local')",),
)
REMOTE_CODE: Final = Rule(
    id="LEY210",
    name="trusts-remote-code",
    title="Code that comes with a downloaded model or data set is run",
    severity=Severity.HIGH,
    cwe=494,
    why="With `trust_remote_code=True` the library imports Python files out of the repository that the name leads to.",
    mend="Leave it out. If the model needs it, read its code, copy it into the project, and load from there.",
    bad=(
        "from transformers import AutoModel\nAutoModel.from_pretrained('a/b', trust_remote_code=True)",
        "from datasets import load_dataset\nload_dataset('a/b', trust_remote_code=True, revision='1')",
    ),
    good=("from transformers import AutoModel\nAutoModel.from_pretrained('./model', trust_remote_code=False)",),
)
UNPINNED: Final = Rule(
    id="LEY211",
    name="download-not-pinned",
    title="A model or data set is downloaded in whatever version there is today",
    severity=Severity.LOW,
    cwe=494,
    why="The name leads to a branch that its owner, or who has taken their account, can change at any time.",
    mend="Add `revision=` with the commit that you have looked at.",
    bad=(
        "from transformers import AutoModel\nAutoModel.from_pretrained('bert-base-uncased')",
        "from huggingface_hub import snapshot_download\nsnapshot_download('owner/model')",
        "import huggingface_hub as hub\nhub.hf_hub_download('owner/model', 'a.bin', revision='main')",
        "import huggingface_hub as hub\nhub.hf_hub_download(name, 'a.bin')",
    ),
    good=(
        "from transformers import AutoModel\nAutoModel.from_pretrained('./model')",
        "from transformers import AutoModel\nAutoModel.from_pretrained(path)",
        "from model import GPT\ninit_from = 'resume'\nGPT.from_pretrained(init_from)",
        (
            "from huggingface_hub import snapshot_download\n"
            "snapshot_download('owner/model', revision='0123456789abcdef0123456789abcdef01234567')"
        ),
    ),
)
NATIVE: Final = Rule(
    id="LEY212",
    name="loads-code",
    title="A file of code is loaded as if it were a model",
    severity=Severity.MEDIUM,
    cwe=114,
    why="Packages of `torch.package`, compiled packages of AOTInductor and shared libraries are programs: loading them "
    "runs what is in them.",
    mend="Take them only from your own build, compare a digest before, and keep weights as safetensors.",
    bad=(
        "import torch\ntorch.ops.load_library('ops.so')",
        "from torch.package import PackageImporter\nPackageImporter('model.pt')",
        "import torch\ntorch._inductor.aoti_load_package('model.pt2')",
        "import ctypes, sys\nctypes.CDLL(sys.argv[1])",
        "import onnxruntime\noptions = onnxruntime.SessionOptions()\noptions.register_custom_ops_library('ops.so')",
    ),
    good=("import ctypes\nctypes.CDLL('libc.so.6')", "import torch\ntorch.jit.load('model.pt')"),
)
KERAS: Final = Rule(
    id="LEY213",
    name="keras-unsafe",
    title="Keras is told to run the code that a model holds",
    severity=Severity.HIGH,
    cwe=502,
    why="Lambda layers hold Python bytecode. `safe_mode=False` runs it.",
    mend="Leave the safe mode on, and replace Lambda layers by layers of your own that are registered.",
    bad=(
        "import keras\nkeras.models.load_model('m.keras', safe_mode=False)",
        "from tensorflow import keras\nkeras.config.enable_unsafe_deserialization()",
    ),
    good=("import keras\nkeras.models.load_model('m.keras')",),
)
SHARDED: Final = Rule(
    id="LEY214",
    name="sharded-checkpoint-unpickles",
    title="A sharded checkpoint is read by torch's own reader, which unpickles it",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS
    + "torch.distributed.checkpoint reads `.metadata` and every entry that is not a tensor as pickles, and no "
    "argument turns that off.",
    mend="Read only directories that this job has written and nobody else can write. For exchange, save safetensors.",
    bad=(
        "import torch.distributed.checkpoint as dcp\ndcp.load(state, checkpoint_id=path)",
        "from torch.distributed.checkpoint.format_utils import dcp_to_torch_save\ndcp_to_torch_save(a, b)",
    ),
    good=("import torch.distributed.checkpoint as dcp\ndcp.save(state, checkpoint_id=path)",),
)
FROM_URL: Final = Rule(
    id="LEY215",
    name="weights-from-address",
    title="Weights are downloaded and loaded without a check",
    severity=Severity.MEDIUM,
    cwe=494,
    why="Whoever answers for the address, or changes what is behind it, decides what is loaded.",
    mend="`load_state_dict_from_url(url, weights_only=True, check_hash=True)` with a name that ends in the hash, or "
    "download once and compare a digest.",
    bad=(
        "import torch\ntorch.hub.load_state_dict_from_url('https://host/w.pth')",
        "from torch.utils.model_zoo import load_url\nload_url(address)",
    ),
    good=("import torch\ntorch.hub.load_state_dict_from_url(url, weights_only=True, check_hash=True)",),
)
ALLOWS_CLASSES: Final = Rule(
    id="LEY216",
    name="allows-classes",
    title="Classes are added to those that torch.load makes out of any file",
    severity=Severity.INFO,
    cwe=502,
    why="From then on, every file that the process reads may hold objects of these classes, with any content.",
    mend="Use `torch.serialization.safe_globals([...])` around the one load that needs it, for classes whose "
    "construction does nothing.",
    bad=("import torch\ntorch.serialization.add_safe_globals([Config])",),
    good=("import torch\nwith torch.serialization.safe_globals([Config]):\n    torch.load(p, weights_only=True)",),
)
MLFLOW: Final = Rule(
    id="LEY217",
    name="mlflow-unpickles",
    title="A model of a registry is unpickled",
    severity=Severity.MEDIUM,
    cwe=502,
    why=_RUNS + " MLflow keeps most flavours as cloudpickle, and may install the packages that the model names.",
    mend="Load weights from the run's artifacts as safetensors, and build the model in code.",
    bad=(
        "import mlflow\nmlflow.pyfunc.load_model('models:/m/1')",
        "import mlflow.pytorch\nmlflow.pytorch.load_model(u)",
    ),
    good=("import mlflow\nmlflow.artifacts.download_artifacts(uri)",),
)
WHOLE_MODEL: Final = Rule(
    id="LEY218",
    name="whole-model-saved",
    title="A whole module is pickled instead of its weights",
    severity=Severity.LOW,
    cwe=502,
    why="Such a file loads only with `weights_only=False`, so everybody who uses it has to run what it names. It also "
    "breaks when the class moves.",
    mend="`torch.save(model.state_dict(), path)`, or safetensors.",
    bad=("import torch\nclass Net(torch.nn.Module): ...\nnet = Net()\ntorch.save(net, 'net.pt')",),
    good=("import torch\nclass Net(torch.nn.Module): ...\nnet = Net()\ntorch.save(net.state_dict(), 'net.pt')",),
)
TORCH_REPLACED: Final = Rule(
    id="LEY219",
    name="torch-load-replaced",
    title="torch.load is replaced by another function",
    severity=Severity.MEDIUM,
    cwe=502,
    why="Every load of the process goes through it, those of libraries too. It is mostly done to switch off "
    "`weights_only`, and then whatever any file names is run.",
    mend="Take it away, and give the one call that needs it its own arguments.",
    bad=(
        "import torch\nold = torch.load\ntorch.load = lambda *a, **k: old(*a, **{**k, 'weights_only': False})",
        "import torch, functools\ntorch.load = functools.partial(torch.load, weights_only=False)",
    ),
    good=("import torch\nload = torch.load", "import torch\nstate.load = torch.load(path, weights_only=True)"),
)

LOADS: Final[tuple[Rule, ...]] = (
    UNPARSED,
    TORCH_UNPICKLES,
    TORCH_BY_DEFAULT,
    TORCH_FORCED,
    UNPICKLES,
    JOBLIB,
    NUMPY,
    PANDAS,
    YAML,
    HUB_RUNS,
    REMOTE_CODE,
    UNPINNED,
    NATIVE,
    KERAS,
    SHARDED,
    FROM_URL,
    ALLOWS_CLASSES,
    MLFLOW,
    WHOLE_MODEL,
    TORCH_REPLACED,
)
