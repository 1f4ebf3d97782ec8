"""What the name of a file says about it."""

from __future__ import annotations

from typing import Final

PICKLES: Final = frozenset((".pkl", ".pickle", ".p", ".pk", ".joblib", ".dill", ".cloudpickle"))
TORCH: Final = frozenset((".pt", ".pth", ".ckpt", ".pt2", ".ptl", ".mar", ".distcp"))
LOOSE: Final = frozenset(
    (".sav", ".bin", ".model", ".dat", ".data", ".z", ".tar", ".t7", ".weights", ".metadata", ".lzma", ".zlib")
)
# Names of formats that hold data and no code, or little; kinds.PROMISES has what each must be.
PROMISING: Final = frozenset((".safetensors", ".npy", ".npz", ".onnx", ".keras", ".h5", ".hdf5", ".gguf"))
# Formats of models that there is no reader for.
UNREAD: Final = frozenset((".ggml", ".tflite", ".mlmodel", ".caffemodel", ".pb"))
# Archives, and compressed files, whatever is in them.
PACKED: Final = frozenset((
    ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".lzma", ".7z", ".rar", ".zst", ".lz4", ".lz", ".lzo", ".cab",
    ".arj",
))  # fmt: skip
_DATA: Final = frozenset((
    ".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".xml", ".html", ".css",
    ".js", ".py", ".ipynb", ".ini", ".cfg", ".log", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg",
    ".pdf", ".wav", ".mp3", ".mp4",
))  # fmt: skip


def suffix(name: str) -> str:
    """The suffix of a name in lower case, with its dot; the whole of a name such as ``.metadata``."""
    stem, dot, last = name.rpartition(".")
    return dot + last if dot and "/" not in last and (stem or last == "metadata") else ""


def is_model_name(name: str) -> bool:
    """Whether programs that load models would load a file of this name."""
    return (end := suffix(name)) in PICKLES or end in TORCH or end in PROMISING or end in UNREAD


def may_be_pickle(name: str) -> bool:
    """Whether a file of this name may be a pickle without any sign of it at its beginning."""
    return (end := suffix(name)) in PICKLES or end in TORCH or end in LOOSE


def is_data_name(name: str) -> bool:
    """Whether a file of this name is text or a picture, and no program's model."""
    return suffix(name) in _DATA
