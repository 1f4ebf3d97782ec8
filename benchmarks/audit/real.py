"""Real files: what torch, Lightning and others write by themselves, with random weights.

    python -m benchmarks.audit.real DIRECTORY

writes them. What is not installed is left out, and the list that is printed says so.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn, optim

OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"momentum": 0.9}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Adadelta", {}),
    ("Adagrad", {}),
    ("ASGD", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Rprop", {}),
    ("LBFGS", {}),
    ("Adafactor", {}),
)
SCHEDULERS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("StepLR", lambda o: optim.lr_scheduler.StepLR(o, 1)),
    ("MultiStepLR", lambda o: optim.lr_scheduler.MultiStepLR(o, [1, 2])),
    ("ExponentialLR", lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9)),
    ("CosineAnnealingLR", lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 9)),
    ("CosineAnnealingWarmRestarts", lambda o: optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 9)),
    ("OneCycleLR", lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, 9)),
    ("CyclicLR", lambda o: optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, cycle_momentum=False)),
    ("ReduceLROnPlateau", optim.lr_scheduler.ReduceLROnPlateau),
    ("LambdaLR", lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch)),
    ("PolynomialLR", optim.lr_scheduler.PolynomialLR),
    ("LinearLR", optim.lr_scheduler.LinearLR),
    ("ConstantLR", optim.lr_scheduler.ConstantLR),
    ("SequentialLR", lambda o: optim.lr_scheduler.SequentialLR(
        o, [optim.lr_scheduler.ConstantLR(o), optim.lr_scheduler.StepLR(o, 1)], [2])),
    ("ChainedScheduler", lambda o: optim.lr_scheduler.ChainedScheduler([optim.lr_scheduler.ConstantLR(o)])),
)  # fmt: skip
MODULES: tuple[Callable[[], nn.Module], ...] = (
    lambda: nn.Linear(3, 4),
    lambda: nn.Conv2d(3, 4, 3),
    lambda: nn.BatchNorm2d(4),
    lambda: nn.LSTM(3, 4, 2, bidirectional=True),
    lambda: nn.GRU(3, 4),
    lambda: nn.MultiheadAttention(4, 2),
    lambda: nn.Transformer(8, 2, 1, 1, 8),
    lambda: nn.Embedding(5, 3),
    lambda: nn.EmbeddingBag(5, 3),
    lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
    lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)),
    lambda: nn.LazyLinear(3),
    lambda: nn.ParameterDict({"a": nn.Parameter(torch.ones(2))}),
    lambda: nn.Sequential(nn.Linear(1, 1), nn.PReLU(), nn.GroupNorm(1, 1)),
)


def torch_files(out: Path) -> Iterator[Path]:
    for number, make in enumerate(MODULES):
        module = make()
        for legacy in (False, True):
            path = out / f"module-{number}{'-legacy' if legacy else ''}.pt"
            torch.save(module.state_dict(), path, _use_new_zipfile_serialization=not legacy)
            yield path
    for name, options in OPTIMIZERS:
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
        optimizer = getattr(optim, name)(model.parameters(), **options)

        def closure(model: nn.Module = model, optimizer: Any = optimizer) -> torch.Tensor:
            optimizer.zero_grad()
            loss: torch.Tensor = model(torch.ones(2, 3)).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        for suffix in (".pt", ".pth", ".bin"):
            path = out / f"optimizer-{name}{suffix}"
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path,
                       _use_new_zipfile_serialization=suffix != ".bin")  # fmt: skip
            yield path
    for name, build in SCHEDULERS:
        optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        scheduler = build(optimizer)
        path = out / f"scheduler-{name}.pt"
        torch.save({"scheduler": scheduler.state_dict(), "optimizer": optimizer.state_dict()}, path)
        yield path
    for dtype in (
        torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8,
        torch.bool, torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16,
        torch.uint32, torch.uint64,
    ):  # fmt: skip
        path = out / f"dtype-{str(dtype)[6:]}.pt"
        torch.save([torch.zeros(3, dtype=dtype), dtype], path)
        yield path
    shared = torch.arange(10.0)
    for name, value in (
        ("views", [shared, shared[2:5], shared[::2], shared.reshape(2, 5).t()]),
        ("sparse", torch.eye(3).to_sparse()),
        ("csr", torch.eye(3).to_sparse_csr()),
        ("quantized", torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)),
        ("per-channel", torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8)),
        ("nested", torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])),
        ("empty", [torch.empty(0), torch.empty(0, 5), torch.tensor(1.0)]),
        ("parameter", nn.Parameter(torch.ones(2), requires_grad=False)),
        ("meta", torch.ones(2, device="meta")),
        ("hooks", torch.ones(2, requires_grad=True)),
        ("rng", {"torch": torch.get_rng_state(), "numpy": np.random.get_state()}),
        ("numpy", {"a": np.ones(3), "b": np.float32(1), "c": np.array(["a", "b"]), "d": np.ones(2, bool)}),
        ("plain", {"a": [1, 2.5, None, "x", b"y", (1,), {2}], "size": torch.Size([1]), "device": torch.device("cpu")}),
        ("storage", torch.ones(3).untyped_storage()),
        ("conj", torch.ones(2, dtype=torch.complex64).conj()),
    ):
        path = out / f"value-{name}.pt"
        torch.save(value, path)
        yield path
    torch.save([torch.ones(3)], out / "protocol-4.pt", pickle_protocol=4)
    yield out / "protocol-4.pt"


def script_files(out: Path) -> Iterator[Path]:
    for number, make in enumerate(MODULES[:3]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(make()).save(str(out / f"script-{number}.pt"))
        yield out / f"script-{number}.pt"
    program = torch.export.export(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (torch.ones(2, 3),))
    torch.export.save(program, out / "program.pt2")
    yield out / "program.pt2"


def sharded_files(out: Path) -> Iterator[Path]:
    from torch.distributed import checkpoint as dcp

    model = nn.Linear(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save({"model": model.state_dict(), "epoch": 3, "name": "x"}, checkpoint_id=out / "sharded", no_dist=True)
    yield from (path for path in (out / "sharded").iterdir())


def lightning_files(out: Path) -> Iterator[Path]:
    import pytorch_lightning as pl
    from pytorch_lightning.demos.boring_classes import BoringModel

    class Boring(BoringModel):
        def __init__(self, optimizer: str = "SGD", lr: float = 0.1, sizes: tuple[int, ...] = (1, 2)) -> None:
            super().__init__()
            self.save_hyperparameters()

        def configure_optimizers(self) -> Any:
            optimizer = getattr(optim, self.hparams["optimizer"])(self.parameters(), lr=0.01)
            return [optimizer], [optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)]

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = super().training_step(batch, batch_idx)
            self.log("loss", loss["loss"])
            return loss

    for number, (optimizer, _) in enumerate(OPTIMIZERS[:10]):
        callbacks = [
            pl.callbacks.ModelCheckpoint(out / f"lightning-{number}", monitor="loss", save_last=True),
            pl.callbacks.EarlyStopping("loss"),
            pl.callbacks.LearningRateMonitor(),
            pl.callbacks.Timer(),
            pl.callbacks.StochasticWeightAveraging(0.01) if number % 3 == 0 else pl.callbacks.LambdaCallback(),
        ]
        trainer = pl.Trainer(
            max_epochs=2, limit_train_batches=2, limit_val_batches=1, callbacks=callbacks, accelerator="cpu",
            logger=pl.loggers.CSVLogger(out / f"log-{number}"), enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Boring(optimizer))
        trainer.save_checkpoint(out / f"lightning-{number}.ckpt")
        trainer.save_checkpoint(out / f"lightning-{number}-weights.ckpt", weights_only=True)
        yield from (out / f"lightning-{number}").glob("*.ckpt")
        yield from (out / f"lightning-{number}.ckpt", out / f"lightning-{number}-weights.ckpt")


def timm_files(out: Path) -> Iterator[Path]:
    import timm
    from safetensors.torch import save_file

    for name in (
        "resnet18", "mobilenetv3_small_050", "efficientnet_b0", "vit_tiny_patch16_224", "convnext_atto",
        "regnetx_002", "deit_tiny_patch16_224", "mixer_s32_224", "swin_tiny_patch4_window7_224", "ghostnet_050",
        "lcnet_035", "tinynet_e", "edgenext_xx_small", "mobilevit_xxs", "poolformer_s12", "levit_128s",
        "xcit_nano_12_p16_224", "crossvit_tiny_240", "dla46_c", "hardcorenas_a",
    ):  # fmt: skip
        model = timm.create_model(name, pretrained=False, num_classes=2)
        path = out / f"timm-{name}.pth"
        torch.save({"state_dict": model.state_dict(), "arch": name}, path)
        save_file(model.state_dict(), path.with_suffix(".safetensors"))
        yield from (path, path.with_suffix(".safetensors"))


def transformers_files(out: Path) -> Iterator[Path]:
    import transformers

    small = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "vocab_size": 50,
    }
    for kind in (
        "Bert",
        "Roberta",
        "Electra",
        "DistilBert",
        "Albert",
        "MPNet",
        "Llama",
        "Mistral",
        "Qwen2",
        "Gemma",
        "GPT2",
        "OPT",
        "GPTNeoX",
        "T5",
        "Bart",
        "ViT",
        "Wav2Vec2",
        "Bloom",
        "XLMRoberta",
        "Deberta",
    ):
        try:
            config = getattr(transformers, f"{kind}Config")(
                **small,
                num_key_value_heads=2,
                d_model=16,
                n_embd=16,
                n_layer=1,
                n_head=2,
                n_layers=1,
                encoder_layers=1,
                decoder_layers=1,
            )
            model = getattr(transformers, f"{kind}Model")(config)
        except (AttributeError, ImportError, TypeError, ValueError, RuntimeError, AssertionError) as error:
            print(f"left out {kind}: {type(error).__name__}", file=sys.stderr)
            continue
        directory = out / f"transformers-{kind}"
        model.save_pretrained(directory)
        torch.save(model.state_dict(), directory / "pytorch_model.bin")
        yield from directory.iterdir()


def sklearn_files(out: Path) -> Iterator[Path]:
    """Arrays as joblib writes them; estimators are whole objects, and those are found."""
    import joblib

    for number, value in enumerate(
        (
            np.ones((20, 30)),
            {"a": np.arange(9), "b": "x"},
            [np.ones(3, "f4"), np.array(["a", "bc"])],
            {"a": [1, 2.5, None]},
        )
    ):
        for compress in (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)):
            name = compress[0] if isinstance(compress, tuple) else str(compress)
            path = out / f"arrays-{number}-{name}.joblib"
            joblib.dump(value, path, compress=compress)
            yield path


def numpy_files(out: Path) -> Iterator[Path]:
    arrays: tuple[Any, ...] = (
        np.ones((3, 4)),
        np.ones(3, "f2"),
        np.arange(5),
        np.array(["a", "bcd"]),
        np.array([b"a"]),
        np.ones(2, bool),
        np.zeros(2, "c16"),
        np.zeros(3, [("a", "f4"), ("b", "i8", (2,))]),
        np.zeros(2, "M8[s]"),
        np.asfortranarray(np.ones((2, 3))),
        np.empty((0, 3)),
        np.float64(1),
    )
    for number, array in enumerate(arrays):
        np.save(out / f"array-{number}.npy", array)
        np.savez(out / f"array-{number}.npz", array, b=array)
        np.savez_compressed(out / f"packed-{number}.npz", array, b=array)
        yield from (out / f"array-{number}.npy", out / f"array-{number}.npz", out / f"packed-{number}.npz")


def onnx_files(out: Path) -> Iterator[Path]:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    for number in range(4):
        weights = numpy_helper.from_array(np.ones((3, 200 * (number + 1)), "f4"), "w")
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None])], [weights],
        )  # fmt: skip
        path = out / f"model-{number}.onnx"
        onnx.save_model(
            helper.make_model(graph), path, save_as_external_data=number % 2 == 1, location=f"model-{number}.data"
        )
        yield path


def keras_files(out: Path) -> Iterator[Path]:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    layers = keras.layers
    for number, stack in enumerate(
        (
            [layers.Dense(3)],
            [layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(1)],
            [layers.LSTM(3), layers.Dropout(0.1)],
        )
    ):
        model = keras.Sequential([keras.Input((4, 2) if number else (4,)), *stack])
        for suffix in (".keras", ".h5", ".weights.h5"):
            path = out / f"keras-{number}{suffix}"
            (model.save_weights if "weights" in suffix else model.save)(path)
            yield path


def installed_files(out: Path) -> Iterator[Path]:
    """Copies of the model files inside the packages of this environment."""
    for root in map(Path, sys.path):
        if root.name != "site-packages":
            continue
        for suffix in ("pt", "npz", "npy", "pkl", "safetensors", "joblib", "onnx", "h5"):
            for path in sorted(root.rglob(f"*.{suffix}")):
                if path.is_file():
                    copy = out / str(path.relative_to(root)).replace(os.sep, "-")
                    copy.write_bytes(path.read_bytes())
                    yield copy


MAKERS: tuple[tuple[str, str, Callable[[Path], Iterator[Path]]], ...] = (
    ("torch", "torch", torch_files),
    ("torch.jit and torch.export", "torch", script_files),
    ("torch.distributed.checkpoint", "torch", sharded_files),
    ("numpy", "numpy", numpy_files),
    ("PyTorch Lightning", "pytorch_lightning", lightning_files),
    ("timm", "timm", timm_files),
    ("transformers", "transformers", transformers_files),
    ("joblib", "joblib", sklearn_files),
    ("ONNX", "onnx", onnx_files),
    ("Keras", "keras", keras_files),
    ("packages of this environment", "torch", installed_files),
)


def main(directory: str) -> None:
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    for title, package, make in MAKERS:
        if importlib.util.find_spec(package) is None:
            print(f"{title}: {package} is not installed")
            continue
        out = Path(directory) / package / make.__name__
        out.mkdir(parents=True, exist_ok=True)
        print(f"{title}: {sum(1 for _ in make(out))} files")


if __name__ == "__main__":
    main(sys.argv[1])
