"""Programs that do one dangerous thing each, in many spellings, and their harmless twins in the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Final


@dataclass(frozen=True)
class Sink:
    """A call that a rule finds, and one beside it of the same module that it does not."""

    rule: str
    module: str
    function: str
    arguments: str
    harmless: str
    harmless_arguments: str


@dataclass(frozen=True)
class Program:
    rule: str
    spelling: str
    dangerous: bool
    text: str
    name: str = "program.py"


SINKS: Final = tuple(
    Sink(*(part.strip() for part in line.split("|")))
    for line in """
    LEY201 | torch | load | path, weights_only=False | load | path, weights_only=True
    LEY204 | pickle | load | stream | dump | value, stream
    LEY204 | pickle | loads | data | dumps | data
    LEY204 | dill | load | stream | dump | value, stream
    LEY205 | joblib | load | path | dump | value, path
    LEY206 | numpy | load | path, allow_pickle=True | load | path, allow_pickle=False
    LEY207 | pandas | read_pickle | path | read_parquet | path
    LEY208 | yaml | unsafe_load | stream | safe_load | stream
    LEY208 | yaml | full_load | stream | safe_load_all | stream
    LEY209 | torch.hub | load | 'owner/net', 'net' | load | 'checkout', 'net', source='local'
    LEY210 | datasets | load_dataset | name, trust_remote_code=True | load_dataset | name, trust_remote_code=False
    LEY211 | huggingface_hub | snapshot_download | 'owner/net' | snapshot_download | 'owner/net', local_files_only=True
    LEY212 | torch.package | PackageImporter | path | PackageExporter | path
    LEY213 | keras.models | load_model | path, safe_mode=False | load_model | path
    LEY214 | torch.distributed.checkpoint | load | state, checkpoint_id=path | save | state, checkpoint_id=path
    LEY215 | torch.utils.model_zoo | load_url | url | load_url | url, check_hash=True, weights_only=True
    LEY217 | mlflow.pyfunc | load_model | 'models:/net/1' | save_model | path
    LEY231 | builtins | eval | text | len | text
    LEY231 | builtins | exec | text | repr | text
    LEY234 | os | system | 'tar xf ' + path | listdir | path
    LEY234 | subprocess | run | command, shell=True | run | command, check=True
    LEY243 | torch.distributed.rpc | init_rpc | 'w', rank=0, world_size=2 | shutdown | True
    LEY244 | torch.distributed | broadcast_object_list | values | broadcast | values, 0
    LEY247 | requests | get | url, verify=False | get | url, verify='ca.pem'
    LEY248 | urllib.request | urlretrieve | 'http://host.org/a', path | urlretrieve | 'https://host.org/a', path
    LEY261 | os | chmod | path, 0o777 | chmod | path, 0o700
    LEY262 | tempfile | mktemp | suffix | mkdtemp | suffix
    LEY263 | shutil | unpack_archive | 'a.tar', path | unpack_archive | 'a.tar', path, filter='data'
    """.strip().splitlines()
)

# {m}: the module, {f}: the function, {a}: the arguments, {h}, {t}: the halves of the function's name.
SPELLINGS: Final[Mapping[str, str]] = {
    name: dedent(text).strip()
    for name, text in {
        "plain": "import {m}\n{m}.{f}({a})",
        "module under another name": "import {m} as other\nother.{f}({a})",
        "function imported": "from {m} import {f}\n{f}({a})",
        "function under another name": "from {m} import {f} as other\nother({a})",
        "everything imported": "from {m} import *\n{f}({a})",
        "bound to a name": "import {m}\nread = {m}.{f}\nread({a})",
        "bound through names": "import {m} as one\ntwo = one\nthree = two.{f}\nfour = three\nfour({a})",
        "unpacked": "import {m} as one\nread, write = one.{f}, None\nread({a})",
        "getattr": "import {m} as one\ngetattr(one, '{f}')({a})",
        "getattr in parts": "import {m} as one\ngetattr(one, '{h}' + '{t}')({a})",
        "getattr of an f-string": "import {m} as one\npart = '{t}'\ngetattr(one, f'{h}{{part}}')({a})",
        "import_module": "import importlib\nimportlib.import_module('{m}').{f}({a})",
        "import_module of a name": "from importlib import import_module as get\nname = '{m}'\nget(name).{f}({a})",
        "__import__": "__import__('{m}', fromlist=['{f}']).{f}({a})",
        "sys.modules": "import sys\nsys.modules['{m}'].{f}({a})",
        "__dict__": "import {m} as one\none.__dict__['{f}']({a})",
        "vars": "import {m} as one\nvars(one)['{f}']({a})",
        "partial": "import functools, {m} as x\nread = functools.partial(x.{f}, {a})\nread()",
        "imported in a function": "def go():\n    from {m} import {f}\n    return {f}({a})",
        "imported below": "def go():\n    return one.{f}({a})\n\nimport {m} as one",
        "conditional import": "if fast:\n    import {m} as one\nelse:\n    one = None\none.{f}({a})",
        "try and except": "try:\n    import quick_{m} as one\nexcept ImportError:\n    import {m} as one\none.{f}({a})",
        "conditional expression": "import {m} as one\n(one.{f} if fast else None)({a})",
        "or": "import {m} as one\n(own or one.{f})({a})",
        "walrus": "import {m} as one\nif read := one.{f}:\n    read({a})",
        "lambda": "import {m} as one\nread = lambda path: one.{f}({a})",
        "nested functions": "import {m} as x\ndef outer():\n    def inner():\n        x.{f}({a})",
        "bound outside a function": (
            "import {m} as x\ndef outer():\n    read = x.{f}\n    def inner():\n        read({a})"
        ),
        "default argument": "import {m} as one\ndef go(path, read=one.{f}):\n    return read({a})",
        "keyword-only default": "import {m} as one\ndef go(path, *, read=one.{f}):\n    return read({a})",
        "class attribute": (
            "import {m} as x\nclass R:\n    read = staticmethod(x.{f})\n    def go(me):\n        me.read({a})"
        ),
        "attribute of a class": "import {m} as one\nclass R:\n    read = one.{f}\nR.read({a})",
        "attribute of a base": (
            "import {m} as x\nclass B:\n    read = x.{f}\nclass R(B):\n    def go(me):\n        me.read({a})"
        ),
        "set in __init__": (
            "import {m} as x\nclass R:\n    def __init__(self):\n        self.read = x.{f}\n"
            "    def go(self):\n        self.read({a})"
        ),
        "module in self": (
            "import {m} as x\nclass R:\n    def __init__(self):\n        self.x = x\n"
            "    def go(self):\n        self.x.{f}({a})"
        ),
        "global": "import {m} as x\ndef setup():\n    global read\n    read = x.{f}\ndef go():\n    read({a})",
        "dictionary": "import {m} as x\nTABLE = {{'a': x.{f}, 'b': print}}\nTABLE[kind]({a})",
        "dictionary with get": "import {m} as x\nTABLE = {{'a': x.{f}, 'b': print}}\nTABLE.get(kind)({a})",
        "dictionary of modules": "import {m} as x\nTABLE = dict(a=x, b=None)\nTABLE['a'].{f}({a})",
        "dictionary filled later": "import {m} as x\nTABLE = {{}}\nTABLE['a'] = x.{f}\nTABLE[kind]({a})",
        "list filled later": "import {m} as x\nREADERS = []\nREADERS.append(x.{f})\nREADERS[0]({a})",
        "setattr": "import {m} as x\nspace = Space()\nsetattr(space, 'read', x.{f})\nspace.read({a})",
        "getattr of a joined text": "import {m} as x\ngetattr(x, ''.join(('{h}', '{t}')))({a})",
        "reduce": "import functools, {m} as x\nfunctools.reduce(getattr, ['{f}'], x)({a})",
        "yielded": "import {m} as x\ndef all_of():\n    yield x.{f}\nfor read in all_of():\n    read({a})",
        "list": "import {m} as x\nREADERS = [x.{f}, print]\nREADERS[0]({a})",
        "loop over functions": "import {m} as x\nfor read in (x.{f}, print):\n    read({a})",
        "comprehension": "import {m} as x\nall_of = [x.{f}({a}) for path in paths]",
        "comprehension over functions": "import {m} as x\nall_of = [read({a}) for read in [x.{f}]]",
        "generator": "import {m} as x\ndef go():\n    yield from (x.{f}({a}) for path in paths)",
        "in an f-string": 'import {m} as x\nprint(f"""{{x.{f}({a})!r}}""")',
        "decorator": "import {m} as x\n@register(x.{f}({a}))\ndef go(): ...",
        "with": "import {m} as x\nwith context() as c, x.{f}({a}) as d:\n    pass",
        "match": "import {m} as x\nmatch kind:\n    case 'a':\n        x.{f}({a})\n    case _:\n        pass",
        "match that binds": "import {m} as x\nmatch x.{f}:\n    case read:\n        read({a})",
        "async": "import {m} as x\nasync def go():\n    async with lock:\n        await wrap(x.{f}({a}))",
        "to_thread": "import asyncio, {m} as x\nasync def go():\n    await asyncio.to_thread(x.{f}, {a})",
        "run_in_executor": "import {m} as x\nasync def go(loop):\n    await loop.run_in_executor(None, x.{f}, {a})",
        "submit": "import {m} as x\nfuture = executor.submit(x.{f}, {a})",
        "namespace": "import types, {m} as x\nspace = types.SimpleNamespace(read=x.{f})\nspace.read({a})",
        "set on an object": "import {m} as x\nspace = Space()\nspace.read = x.{f}\nspace.read({a})",
        "given back by a function": "import {m} as x\ndef make():\n    return x.{f}\nmake()({a})",
        "given to a function": "import {m} as x\ndef apply(function):\n    return function({a})\napply(x.{f})",
        "if main": "import {m} as x\ndef main():\n    x.{f}({a})\nif __name__ == '__main__':\n    main()",
        "try and finally": "import {m} as x\ntry:\n    pass\nexcept ValueError:\n    x.{f}({a})\n".replace(
            "except*", "except"
        ),
        "several lines": "import {m} as x\nresult = x \\\n    .{f}(  # a comment\n        {a}\n    )",
        "semicolons": "import {m} as x; y = 1; x.{f}({a}); y = 2",
    }.items()
}


def _notebook(text: str) -> str:
    first, _, rest = text.partition("\n")
    sources = ["%load_ext autoreload\n!pip install x\n" + first, "%%time\n" + rest, "?print\nresult = !ls"]
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": source} for source in sources]})


def programs() -> Iterator[Program]:
    """Each sink in each spelling, dangerous and harmless; the plain one also as a notebook."""
    for sink in SINKS:
        for dangerous in (True, False):
            function = sink.function if dangerous else sink.harmless
            arguments = sink.arguments if dangerous else sink.harmless_arguments
            half = len(function) // 2
            parts = {"m": sink.module, "f": function, "a": arguments, "h": function[:half], "t": function[half:]}
            make: Callable[[str], str] = lambda template, parts=parts: template.format(**parts)  # noqa: E731
            for spelling, template in SPELLINGS.items():
                yield Program(sink.rule, spelling, dangerous, make(template))
            yield Program(sink.rule, "notebook", dangerous, _notebook(make(SPELLINGS["plain"])), "program.ipynb")
