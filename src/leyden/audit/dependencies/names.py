"""Names that are a slip away from a well-known package of the training stack, and are not another one that is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from leyden.audit.advisories.advisory import normalized

_POPULAR: Final = """
accelerate albumentations bitsandbytes datasets deepspeed diffusers einops gradio huggingface-hub hydra-core joblib
jsonargparse jupyterlab keras langchain lightgbm lightning matplotlib mlflow monai networkx numpy nvidia-cublas-cu12
omegaconf onnx onnxruntime opencv-python optuna pandas pillow protobuf pyarrow pytorch-ignite pytorch-lightning pyyaml
safetensors scikit-image scikit-learn scipy seaborn sentence-transformers sentencepiece setuptools streamlit
tensorboard tensorflow tokenizers torch torch-geometric torchaudio torchmetrics torchtext torchvision tqdm transformers
triton ultralytics vllm wandb xformers xgboost
"""
# Packages of their own, however near their names are.
_NEIGHBOURS: Final = """
albumentationsx dataset dataset-sh diffuser network networks opencc-python protobuf3 tensorboardx tokenize-rt tokenizer
transformer nvidia-cublas-cu11 nvidia-cublas-cu13
"""
# What looks as if it were the package, and is not.
CONFUSED: Final = {
    "pytorch": "torch",
    "sklearn": "scikit-learn",
    "opencv": "opencv-python",
    "cv2": "opencv-python",
    "pil": "pillow",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "huggingface": "huggingface-hub",
}
POPULAR: Final = frozenset(_POPULAR.split())
NEIGHBOURS: Final = frozenset(_NEIGHBOURS.split())
_SHORTEST: Final = 5  # characters; every shorter word is near to another
_LONG: Final = 8  # from here on, a wrong letter makes no other word
_LONGEST: Final = 40


def meant(name: str) -> str:
    """The well-known package that a name is probably a slip of, or ""."""
    wanted = normalized(name)
    if wanted in CONFUSED:
        return CONFUSED[wanted]
    if wanted in POPULAR or wanted in NEIGHBOURS or not _SHORTEST <= len(wanted) <= _LONGEST:
        return ""
    joined = wanted.replace("-", "")
    for shared in (joined, *_without_one(joined)):
        for known in _near().get(shared, ()):
            if _is_slip(joined, known):
                return _targets()[known]
    return ""


@lru_cache(maxsize=1)
def _targets() -> dict[str, str]:
    """The packages that are meant, by what is compared."""
    return {"pytorch": "torch"} | {name.replace("-", ""): name for name in POPULAR}


@lru_cache(maxsize=1)
def _near() -> dict[str, list[str]]:
    """What is compared under every text that it is with one letter left out: two with one slip share such a text."""
    near: dict[str, list[str]] = {}
    for known in sorted(_targets()):
        if len(known) >= _SHORTEST:
            for shared in {known, *_without_one(known)}:
                near.setdefault(shared, []).append(known)
    return near


def _without_one(text: str) -> Iterator[str]:
    return (text[:at] + text[at + 1 :] for at in range(len(text)))


def _is_slip(one: str, known: str) -> bool:
    """Is ``one`` the known name with a letter left out, doubled, or two swapped; in a long one, with any one wrong?

    Nobody errs in the first letter, and many packages are called after another with one before it.
    """
    if one[0] != known[0]:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, known, strict=False)) if a != b), min(len(one), len(known)))
    a, b = one[start:], known[start:]
    long = len(known) >= _LONG
    match len(one) - len(known):
        case 0:
            return a == b or (a[:2] == b[1::-1] and a[2:] == b[2:]) or (long and a[1:] == b[1:])
        case 1:
            return a[1:] == b and (long or a[0] == one[start - 1])
        case -1:
            return a == b[1:]
        case _:
            return False
