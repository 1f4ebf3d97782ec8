"""Where a value comes from: whether somebody else than the program's author decides what it is."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, final

from leyden.audit.code.resolve import SERVERS, starts


@final
class Origin(IntEnum):
    """Who decides about a value; the higher, the more of a stranger."""

    USER = 1  # whoever starts the program: arguments, environment, what is typed
    FILE = 2  # a configuration
    MODEL = 3  # a checkpoint
    NETWORK = 4  # a request, an answer, a form


WORDS: Final = {
    Origin.USER: "the command line or the environment",
    Origin.FILE: "a configuration file",
    Origin.MODEL: "a checkpoint",
    Origin.NETWORK: "the network",
}

_FROM: Final[tuple[tuple[Origin, tuple[str, ...]], ...]] = (
    (
        Origin.NETWORK,
        (
            "flask.request", "fastapi.Request()", "fastapi.UploadFile()", "quart.request", "bottle.request",
            "django.http.HttpRequest()", "tornado.web.RequestHandler().request",
            "tornado.web.RequestHandler().get_argument()", "aiohttp.web.Request()", "streamlit.text_input()",
            "streamlit.text_area()", "streamlit.file_uploader()", "streamlit.query_params",
            "requests.get()", "requests.post()", "requests.request()", "requests.Session().get()",
            "requests.Session().post()", "httpx.get()", "httpx.post()", "httpx.Client().get()",
            "httpx.Client().post()", "httpx.AsyncClient().get()", "urllib.request.urlopen()",
            "aiohttp.ClientSession().get()", "socket.socket().recv()", "socket.socket().makefile()",
            *(f"{server}.request" for server in sorted(SERVERS)),
            "zmq.Context().socket().recv()", "redis.Redis().get()", "pika.BlockingConnection().channel()",
        ),
    ),
    (Origin.MODEL, ("torch.load()", "torch.hub.load_state_dict_from_url()", "pickle.load()", "joblib.load()")),
    (
        Origin.FILE,
        (
            "yaml.safe_load()", "yaml.load()", "yaml.full_load()", "yaml.unsafe_load()", "json.load()", "json.loads()",
            "tomllib.load()", "tomllib.loads()", "tomli.load()", "toml.load()", "omegaconf.OmegaConf.load()",
            "omegaconf.DictConfig()", "hydra.compose()", "configparser.ConfigParser().get()",
            "configparser.ConfigParser()[]", "configparser.ConfigParser().items()", "ruamel.yaml.YAML().load()",
        ),
    ),
    (
        Origin.USER,
        (
            "sys.argv", "builtins.input()", "os.environ", "os.getenv()", "argparse.ArgumentParser().parse_args()",
            "argparse.ArgumentParser().parse_known_args()", "argparse.Namespace()", "absl.flags.FLAGS",
            "click.prompt()", "optparse.OptionParser().parse_args()",
        ),
    ),
)  # fmt: skip
ROOTS: Final = frozenset(path.partition(".")[0] for _, paths in _FROM for path in paths)  # packages, and builtins


def origin_of(path: str) -> Origin | None:
    """Who decides about what a path names."""
    return next((origin for origin, beginnings in _FROM if starts(path, beginnings)), None)
