"""Checks of code and what is around it: the network, files that others can reach, secrets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from leyden.audit.code.bindings import Receiver
from leyden.audit.code.origins import WORDS, Origin
from leyden.audit.code.program import Call, Check, Hit, Value
from leyden.audit.code.resolve import NOTHING, starts
from leyden.audit.code.secrets import is_secret, is_secret_name
from leyden.audit.finding import Severity
from leyden.audit.rules import code_surroundings as rules
from leyden.audit.rules.code_loads import TORCH_FORCED, TORCH_REPLACED

_EVERYWHERE: Final = frozenset(("0.0.0.0", "::", "[::]"))  # noqa: S104 - this is what is looked for
_HOSTS: Final = (
    "host", "hostname", "server_name", "dashboard_host", "bind", "bind_host", "bind_address", "listen", "listen_host",
    "listen_address", "ip",
)  # fmt: skip
_HOST: Final = re.compile(r"-{0,2}(?:\w+[-_])?(?:host|bind|listen|address|ip)(?:[-_](?:name|address|ip|host))?")
_LOCAL: Final = re.compile(r"http://(?:localhost|127\.|0\.0\.0\.0|\[::1\]|[\w-]+(?::\d+)?(?:/|$))", re.IGNORECASE)
_FORCED: Final = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
HTTP: Final = ("requests", "httpx", "aiohttp", "hvac", "elasticsearch", "boto3", "minio")
_TEMPORARY: Final = re.compile(r"(?:/private)?/(?:var/)?tmp(?:/|$)")
_ARCHIVES: Final = ("tarfile.open()", "tarfile.TarFile()", "tarfile.TarFile.open()")
_SHOWING: Final = frozenset(("debug", "info", "warning", "error", "critical", "exception", "log"))


def listens(call: Call) -> Iterator[Hit]:
    """An argument that says where to listen."""
    for name in _HOSTS:
        value = call.says(None, name)
        if isinstance(value, str) and value in _EVERYWHERE:
            yield Hit(rules.LISTENS, f"`{name}={value!r}` listens on all interfaces.")


def listens_by_default(call: Call) -> Iterator[Hit]:
    """An option of the command line that says where to listen."""
    names = [text for argument in call.args if isinstance(text := call.resolver.constant(argument, call.scope), str)]
    value = call.argument(None, "default")
    if value is not None and value.constant() in _EVERYWHERE and any(_HOST.fullmatch(name) for name in names):
        yield Hit(rules.LISTENS, f"By default, `{names[-1]}` means all interfaces.", node=value.node)


def host(name: str, value: Value) -> Iterator[Hit]:
    """What a parameter or a field is by default."""
    if name in _HOSTS and isinstance(value.node, ast.Constant) and value.node.value in _EVERYWHERE:
        yield Hit(rules.LISTENS, f"By default, `{name}` means all interfaces.", node=value.node)


def binds(call: Call) -> Iterator[Hit]:
    """A pair of host and port as the first argument."""
    address = call.argument(0, "address", "server_address")
    if address is None:
        return
    parts = [*address.parts()]
    host = parts[0]
    if len(parts) >= 2 and parts[1].constant() == 0:  # to find a port that is free
        return
    if host.node is not address.node and host.constant() in ("", *_EVERYWHERE):
        yield Hit(rules.LISTENS, f"The host {host.constant()!r} means all interfaces.")


def listener(call: Call) -> Iterator[Hit]:
    yield from connection(call)
    yield from binds(call)


def configures(call: Call) -> Iterator[Hit]:
    """TensorBoard's command line, given as a list."""
    options = call.argument(None, "argv")
    if options is not None and any(part.constant() == "--bind_all" for part in options.parts()):
        yield Hit(rules.LISTENS, "`--bind_all` listens on all interfaces.")


def litserve(call: Call) -> Iterator[Hit]:
    if call.argument(0, "host") is None and not call.is_open:
        yield Hit(rules.LISTENS, "By default LitServe listens on all interfaces.")


def starts_server(call: Call) -> Iterator[Hit]:
    if call.says(1, "host") in _EVERYWHERE:
        yield Hit(rules.LISTENS, "It listens on all interfaces.")


def rendezvous(call: Call) -> Iterator[Hit]:
    method = call.argument(1, "init_method")
    host = re.match(r"tcp://([^/:]+)", "" if method is None else method.begins())
    if host is not None and not host[1].startswith(("127.", "localhost")):
        yield Hit(rules.RENDEZVOUS, f"The ranks meet at {host[1][:60]}, where nobody is asked who they are.")


def scheduler(call: Call) -> Iterator[Hit]:
    address = call.argument(0, "address")
    host = re.match(r"tcp://([^/:]+)", "" if address is None else address.begins())
    if host is not None and not host[1].startswith(("127.", "localhost")) and call.argument(None, "security") is None:
        text = f"Whoever reaches {host[1][:60]} takes part in the cluster, and sends pickles."
        yield Hit(rules.RENDEZVOUS, text)


def store(call: Call) -> Iterator[Hit]:
    master = call.argument(3, "is_master")  # by default it is a client
    if master is not None and master.constant() is not False and call.argument(None, "master_listen_fd") is None:
        yield Hit(rules.RENDEZVOUS, "The store listens on all interfaces and asks nobody who they are.")


def rpc(call: Call) -> Iterator[Hit]:
    yield Hit(rules.RPC, "Whoever connects sends what is unpickled and called.")


def objects(call: Call) -> Iterator[Hit]:
    yield Hit(rules.OBJECTS, f"`{call.method}` unpickles what the other ranks send.")


def debugger(call: Call) -> Iterator[Hit]:
    if call.says(2, "debug") is True and starts(call.path, ("flask.Flask()", "quart.Quart()", "dash.Dash()")):
        yield Hit(rules.DEBUGGER, "Whoever reaches the page runs code by its debugger.")


def shared(call: Call) -> Iterator[Hit]:
    if call.says(None, "share") is True and call.argument(None, "auth") is None:
        yield Hit(rules.SHARED, "The page is on the internet, and asks nobody who they are.")


def unchecked(call: Call) -> Iterator[Hit]:
    required = call.argument(None, "cert_reqs")
    if required is not None and ("ssl.CERT_NONE" in required.paths() or required.text() == "CERT_NONE"):
        yield Hit(rules.TLS, "`CERT_NONE` takes any certificate.")
    for name in ("verify", "ssl", "verify_ssl", "verify_certs", "cert_check"):
        if call.says(None, name) is False and starts(call.path, HTTP):
            yield Hit(rules.TLS, f"`{name}=False` takes any certificate.")


def download(call: Call) -> Iterator[Hit]:
    address = call.argument(0, "url", "fullurl")
    beginning = "" if address is None else address.begins()
    if len(beginning) > len("http://") and beginning.lower().startswith("http://") and not _LOCAL.match(beginning):
        yield Hit(rules.PLAIN_HTTP, "It comes without https, so everybody on the way can change it.")


def receives_objects(call: Call) -> Iterator[Hit]:
    yield Hit(rules.SOCKET_PICKLES, "What the peer sends is unpickled.")


def connection(call: Call) -> Iterator[Hit]:
    address = call.argument(0, "address")
    family = call.argument(1, "family")
    # By itself, it is a socket in a directory of this user; a path is one that others may not write to.
    here = family is None and (address is None or bool(address.text()))
    if call.argument(3, "authkey") is None and not call.is_open and not here:
        yield Hit(rules.SOCKET_PICKLES, "Without an `authkey`, what anybody sends is unpickled.")


def sends_out(call: Call) -> Iterator[Hit]:
    for name in ("save_code", "log_code", "log_model", "analytics_enabled", "upload_code"):
        value = call.says(None, name)
        if value is not NOTHING and value not in (False, None):
            yield Hit(rules.SENDS_OUT, f"`{name}={value!r}` sends it to the service.")


def host_key(call: Call) -> Iterator[Hit]:
    policy = call.argument(0, "policy")
    if policy is not None and any("AutoAddPolicy" in path or "WarningPolicy" in path for path in policy.paths()):
        yield Hit(rules.HOST_KEY, "It takes the key of any host.")


def changes_mode(call: Call) -> Iterator[Hit]:
    """``os.chmod(path, mode)``, and ``path.chmod(mode)`` of a Path."""
    mode = call.says(1 if call.path == "os.chmod" else 0, "mode")
    if type(mode) is int and mode & 0o002 and not mode & 0o1000:
        yield Hit(rules.WRITABLE, f"With mode {mode:o} everybody may change it.")


def makes_directories(call: Call) -> Iterator[Hit]:
    yield from _temporary(call.argument(0, "name"))
    mode = call.says(1, "mode")
    if type(mode) is int and mode & 0o002 and mode != 0o777:  # which is the default, and the umask takes from it
        yield Hit(rules.WRITABLE, f"With mode {mode:o} everybody may change what is in it.")


def sets_umask(call: Call) -> Iterator[Hit]:
    mask = call.says(0)
    # Who keeps the answer asks for the mask, and sets it again.
    kept = any(bound is call.node for bindings in call.scope.names.values() for bound in bindings)
    if type(mask) is int and not mask & 0o002 and not kept:
        yield Hit(rules.WRITABLE, f"With the mask {mask:o} everybody may change new files.", Severity.LOW)


def foreseeable(call: Call) -> Iterator[Hit]:
    yield Hit(rules.TEMPORARY, "The name can be taken by somebody else before the file is made.")


def opens(call: Call) -> Iterator[Hit]:
    path, mode = call.argument(0, "file"), call.says(1, "mode")
    if path is None or not isinstance(mode, str) or not set(mode) & set("wax+"):
        return
    yield from _temporary(path)
    if path.origin() is Origin.NETWORK:
        yield Hit(rules.UPLOAD, "A request chooses the path that is written.")


def saves(call: Call) -> Iterator[Hit]:
    """A function that writes its first argument to its second."""
    yield from _temporary(call.argument(1, "f", "filename", "dst"))


def writes(call: Call) -> Iterator[Hit]:
    """A function that writes to its first argument."""
    yield from _temporary(call.argument(0, "file", "filename", "path", "path_or_buf", "fname", "save_directory"))


def writes_path(call: Call) -> Iterator[Hit]:
    """A method of a ``Path`` that writes to it."""
    node = call.node.func.value if isinstance(call.node.func, ast.Attribute) else call.node
    for _ in range(10):
        match call.resolver.literal(node, call.scope):
            case ast.BinOp(left=left, op=ast.Div()):
                node = left
            case ast.Call(args=[first, *_]):
                yield from _temporary(Value(first, call.scope, call.resolver))
                return
            case _:
                return


def keeps(call: Call) -> Iterator[Hit]:
    for name in ("default_root_dir", "dirpath", "save_dir"):
        yield from _temporary(call.argument(None, name))


def _temporary(path: Value | None) -> Iterator[Hit]:
    if path is not None and _TEMPORARY.match(path.begins()):
        yield Hit(rules.TEMPORARY, f"Somebody else can make {path.begins()[:60]} before.")


def extracts(call: Call) -> Iterator[Hit]:
    if (
        starts(call.path, _ARCHIVES)
        and call.argument(None, "filter") is None
        and call.argument(None, "members") is None
    ):
        yield Hit(rules.UNPACKS, "Names in the archive may lead out of the directory.")


def unpacks(call: Call) -> Iterator[Hit]:
    if call.argument(3, "filter") is None and not call.is_open:
        yield Hit(rules.UNPACKS, "Names in the archive may lead out of the directory.")


def shows(call: Call) -> Iterator[Hit]:
    """A secret of the environment among the arguments of what prints or logs."""
    if call.path != "builtins.print" and (call.method not in _SHOWING or not starts(call.path, ("logging", "loguru"))):
        return
    for argument in call.args:
        for node in ast.walk(argument):
            if isinstance(node, ast.expr) and (name := _variable(Value(node, call.scope, call.resolver))):
                yield Hit(rules.SECRET_SHOWN, f"The value of `{name}` goes where it is read by others.")


def _variable(value: Value) -> str:
    """The name of the secret variable that an expression reads."""
    name: object = None
    match value.node:
        case ast.Subscript(value=owner, slice=index) if "os.environ" in value.resolver.paths(owner, value.scope):
            name = value.resolver.constant(index, value.scope)
        case ast.Call(func=function, args=[first, *_]):
            if {"os.getenv", "os.environ.get"} & {*value.resolver.paths(function, value.scope)}:
                name = value.resolver.constant(first, value.scope)
        case _:
            pass
    return name if isinstance(name, str) and is_secret_name(name) else ""


def deletes(call: Call) -> Iterator[Hit]:
    path = call.argument(0, "path")
    origin = None if path is None else path.origin()
    if origin in (Origin.FILE, Origin.MODEL, Origin.NETWORK):
        worse = Severity.HIGH if origin is Origin.NETWORK else None
        yield Hit(rules.DELETES, f"What is deleted comes from {WORDS[origin]}.", worse)


def sets_variable(call: Call) -> Iterator[Hit]:
    if call.says(0) == _FORCED and call.says(1) not in ("0", "n", "no", "false", ""):
        yield Hit(TORCH_FORCED, f"`{_FORCED}` lets every torch.load of this process unpickle anything.")


def assigned(target: ast.expr, value: Value) -> Iterator[Hit]:
    """What is wrong about one assignment."""
    match target:
        case ast.Subscript(value=owner, slice=index):
            key = value.resolver.constant(index, value.scope)
            if key == _FORCED and "os.environ" in value.resolver.paths(owner, value.scope):
                yield Hit(TORCH_FORCED, f"`{_FORCED}` lets every torch.load of this process unpickle anything.")
            if isinstance(key, str):
                yield from secret(key, value)
        case ast.Attribute(value=owner, attr=name):
            yield from secret(name, value)
            if name == "load" and "torch" in value.resolver.paths(owner, value.scope):
                yield Hit(TORCH_REPLACED, "Every later load of this process is another function.")
            if name == "verify" and value.constant() is False:
                if any(starts(path, HTTP) for path in value.resolver.paths(owner, value.scope)):
                    yield Hit(rules.TLS, "`verify = False` takes any certificate.")
            elif name == "verify_mode" and "ssl.CERT_NONE" in value.paths() and not _asks_nobody(owner, value):
                yield Hit(rules.TLS, "`CERT_NONE` takes any certificate.")
        case ast.Name(id=name):
            yield from secret(name, value)
        case _:
            return


def _asks_nobody(owner: ast.expr, value: Value) -> bool:
    """Whether this is ``self`` of a class that has nothing to do with ``ssl``, or the context of a server, which asks
    its clients for no certificate anyway."""
    scope = value.scope
    match value.resolver.literal(owner, scope):
        case ast.Call(args=[purpose, *_]) if any(
            path.endswith(("PROTOCOL_TLS_SERVER", "Purpose.CLIENT_AUTH"))
            for path in value.resolver.paths(purpose, scope)
        ):
            return True
        case _:
            pass
    found = scope.find(owner.id) if isinstance(owner, ast.Name) else None
    receivers = [] if found is None else [one for one in found[0] if isinstance(one, Receiver)]
    classes = [one.cls.node for one in receivers if isinstance(one.cls.node, ast.ClassDef)]
    return any(all(isinstance(base, ast.Name) and base.id == "object" for base in cls.bases) for cls in classes)


def logs_in(call: Call) -> Iterator[Hit]:
    """A login whose parameter has a name that says little."""
    key = call.argument(1, "key")
    if key is not None and isinstance(key.node, ast.Constant):
        yield from secret("api_key", key)


def secret(name: str, value: Value) -> Iterator[Hit]:
    """Text that is written out under a name that secrets have."""
    if isinstance(value.node, ast.Constant) and isinstance(value.node.value, str) and is_secret(name, value.node.value):
        yield Hit(rules.SECRET, f"The value of `{name[:60]}` stands in the code.", node=value.node)


CALLS: Final[Mapping[str, Check]] = {
    **dict.fromkeys(
        ("http.server.HTTPServer", "http.server.ThreadingHTTPServer", "socketserver.TCPServer",
         "socketserver.ThreadingTCPServer", "wsgiref.simple_server.make_server"), binds,
    ),
    "asyncio.start_server": starts_server,
    "litserve.LitServer().run": litserve,
    "click.option": listens_by_default,
    "torch.distributed.init_process_group": rendezvous,
    "torch.distributed.TCPStore": store,
    "torch.distributed.rpc.init_rpc": rpc,
    **{
        f"torch.distributed.{name}": objects
        for name in ("broadcast_object_list", "all_gather_object", "gather_object", "scatter_object_list",
                     "recv_object_list", "send_object_list")
    },
    **dict.fromkeys(
        ("urllib.request.urlretrieve", "urllib.request.urlopen", "requests.get", "httpx.get", "wget.download",
         "torch.hub.download_url_to_file", "torchvision.datasets.utils.download_url", "pandas.read_csv"), download,
    ),
    "multiprocessing.connection.Listener": listener,
    "multiprocessing.managers.BaseManager": binds,
    "multiprocessing.managers.SyncManager": binds,
    "dask.distributed.Client": scheduler,
    "distributed.Client": scheduler,
    "wandb.login": logs_in,
    "multiprocessing.connection.Client": connection,
    **dict.fromkeys(
        ("wandb.init", "lightning.pytorch.loggers.WandbLogger", "lightning.pytorch.loggers.wandb.WandbLogger",
         "comet_ml.Experiment", "lightning.pytorch.loggers.CometLogger", "gradio.Blocks", "gradio.Interface"),
        sends_out,
    ),
    "os.chmod": changes_mode,
    "pathlib.Path().chmod": changes_mode,
    "os.makedirs": makes_directories,
    "os.mkdir": makes_directories,
    "os.umask": sets_umask,
    "tempfile.mktemp": foreseeable,
    "builtins.open": opens,
    **dict.fromkeys(("torch.save", "joblib.dump", "shutil.copy", "shutil.copyfile", "shutil.move"), saves),
    **dict.fromkeys(("numpy.save", "numpy.savez", "numpy.savetxt", "logging.FileHandler", "h5py.File"), writes),
    **{f"pathlib.Path().{name}": writes_path for name in ("write_text", "write_bytes", "mkdir", "touch")},
    "lightning.pytorch.Trainer": keeps,
    "lightning.pytorch.callbacks.ModelCheckpoint": keeps,
    "shutil.unpack_archive": unpacks,
    **dict.fromkeys(("shutil.rmtree", "os.remove", "os.unlink", "os.removedirs"), deletes),
    "os.environ.setdefault": sets_variable,
    "os.putenv": sets_variable,
    "builtins.print": shows,
}  # fmt: skip
METHODS: Final[Mapping[str, Check]] = {
    "bind": binds,
    "add_argument": listens_by_default,
    **dict.fromkeys(("to_csv", "to_parquet", "to_pickle", "to_json", "savefig", "save_pretrained"), writes),
    "run": debugger,
    "launch": shared,
    "recv_pyobj": receives_objects,
    "configure": configures,
    "set_missing_host_key_policy": host_key,
    "extractall": extracts,
    **dict.fromkeys(_SHOWING, shows),
}
KEYWORDS: Final[Mapping[str, Check]] = {
    **dict.fromkeys(_HOSTS, listens),
    **dict.fromkeys(("verify", "ssl", "verify_ssl", "verify_certs", "cert_check", "cert_reqs"), unchecked),
}
NAMED: Final[Mapping[str, Hit]] = {"ssl._create_unverified_context": Hit(rules.TLS, "It takes any certificate.")}
