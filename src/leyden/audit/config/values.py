"""Checks of what documents name and allow: classes, tags, remote code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Final

from leyden.audit.config.class_paths import class_path, harm
from leyden.audit.config.hits import Hit
from leyden.audit.config.nodes import Mapping, Real, Scalar, walk
from leyden.audit.config.pairs import Check, Pair
from leyden.audit.finding import Severity, shortened
from leyden.audit.rules import config_values as rules

_OBJECT_TAG: Final = re.compile(
    r"tag:yaml\.org,2002:(?:python/(?:object|name|module)|(?:java|js|ruby|perl|php)/)[\w./:]{0,200}"
    r"|!(?:ruby|php|java|perl)/[\w./:]{1,200}"
)
# Extensions of mkdocs, whose settings can name functions in no other way.
_PAGES: Final = re.compile(
    r"tag:yaml\.org,2002:python/(?:name|object/apply):(?:material|materialx|pymdownx|mermaid2|markdown|mdx\w*)\.[\w.]{1,100}"
)
_EVALUATED: Final = re.compile(
    r"\$\{(?:oc\.)?(?:py_?)?eval:[^\n]{0,400}?(?:__\w{1,30}__|\b(?:exec|eval|open|compile|getattr)\s?\(|\b(?:os|sys|subprocess)\.)"
)
_ATTENTION: Final = ("_attn_implementation_internal", "_attn_implementation", "attn_implementation")


def tags(root: Real) -> Iterator[Hit]:
    """Tags anywhere in a document that make objects."""
    for _, node in walk(root):
        if not node.tag or _OBJECT_TAG.match(node.tag) is None or _PAGES.fullmatch(node.tag):
            continue
        name = node.tag.removeprefix("tag:yaml.org,2002:")
        worse = harm(name.rpartition(":")[2]) if "python/" in name else None
        text = f"`{shortened(name, 100)}` is what a reader that builds objects imports or calls."
        yield Hit(rules.TAG, text, node.line, node.column, severity=worse)


def weights_only(pair: Pair) -> Iterator[Hit]:
    if isinstance(pair.value, Scalar) and pair.value.is_false:
        yield pair.hit(rules.WEIGHTS_ONLY, "Checkpoints are loaded with whatever they name.")


def trusts(pair: Pair) -> Iterator[Hit]:
    if pair.is_true:
        yield pair.hit(rules.REMOTE_CODE, f"`{pair.key.text}: true` runs Python that a repository holds.")


def auto_map(pair: Pair) -> Iterator[Hit]:
    """Of a model's or tokenizer's file."""
    names = [node for _, node in walk(pair.value) if isinstance(node, Scalar) and "." in node.text]
    if not names:
        return
    elsewhere = [node for node in names if "--" in node.text]
    if elsewhere:
        text = f"It comes from another repository: `{shortened(elsewhere[0].text, 100)}`."
        yield pair.hit(rules.BRINGS_CODE, text, elsewhere[0], Severity.MEDIUM)
    else:
        yield pair.hit(rules.BRINGS_CODE, f"It comes with the model: `{shortened(names[0].text, 100)}`.", names[0])


def attention(pair: Pair) -> Iterator[Hit]:
    if "/" in pair.text and isinstance(pair.root, Mapping) and "model_type" in pair.root.keys() | pair.owner.keys():
        # A program's own configuration may choose a kernel; what a model says about itself is a stranger's word.
        yield pair.hit(rules.KERNEL, f"The code of `{shortened(pair.text, 100)}` is downloaded and run.")


def unchecked(pair: Pair) -> Iterator[Hit]:
    """Switches for the check of certificates, whichever way they turn."""
    skips = "insecure" in pair.key.text
    if isinstance(pair.value, Scalar) and (pair.value.is_true if skips else pair.value.is_false):
        yield pair.hit(rules.UNCHECKED, f"`{pair.key.text}: {pair.text}` takes any certificate.")


def evaluated(pair: Pair) -> Iterator[Hit]:
    """``${eval:…}`` of OmegaConf, under whatever name."""
    if "${" in pair.text and _EVALUATED.search(pair.text):
        yield pair.hit(rules.EVALUATED, "Where an `eval` resolver is registered, reading the value runs this.")


KEYS: Final[AnyMapping[str, Check]] = {
    "_target_": class_path,
    "class_path": class_path,
    "weights_only": weights_only,
    "trust_remote_code": trusts,
    "auto_map": auto_map,
    **dict.fromkeys(
        ("ssl_verify", "verify_ssl", "tls_verify", "insecure-skip-tls-verify", "insecure_skip_verify"), unchecked
    ),
    **dict.fromkeys(_ATTENTION, attention),
}
