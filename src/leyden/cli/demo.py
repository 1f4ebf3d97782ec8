"""``leyden demo``: train on real data and watch the promises being kept."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from pathlib import Path
from textwrap import fill, indent

from leyden.cli.command import Command
from leyden.errors import PathError

HELP = "Train a small network on real handwritten digits, resume it, and watch a tampered checkpoint being refused."
GOOD_ENOUGH = 0.95


def arguments(parser: ArgumentParser) -> None:
    out = "a new or empty folder for everything that is written (default: runs/demo-TIME)"
    parser.add_argument("--out", metavar="FOLDER", type=Path, help=out)
    passes = "passes over the training data (default: %(default)s)"
    parser.add_argument("--epochs", metavar="N", type=epochs, default=10, help=passes)
    seed = "where all random draws begin (default: %(default)s)"
    parser.add_argument("--seed", metavar="N", type=int, default=7, help=seed)
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no model summary")


def epochs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def run(options: Namespace) -> int:
    """Every stage in order; the answer is 0 if all promises were kept, else 1."""
    from leyden.checkpoint.load import verify  # here, since these need torch and `leyden --help` does not
    from leyden.demo import job

    out = fresh_folder(options.out or Path("runs") / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    step = job.middle_step(options.epochs)

    announce("Training on real handwritten digits", options)
    first = job.train(out / "trained", epochs=options.epochs, seed=options.seed, quiet=options.quiet)
    announce(f"Resuming from step {step}, in the middle of an epoch, under another seed", options)
    again = job.train(
        out / "resumed", epochs=options.epochs, seed=options.seed + 1, resume=first.middle, quiet=options.quiet
    )
    good, same = first.accuracy > GOOD_ENOUGH, job.same_bits(first.weights, again.weights)
    report = verify(first.best)
    refusal = job.tamper(first.best, out / "tampered.ckpt")
    picture = job.picture(first, out / "curves.svg", epochs=options.epochs)

    announce("", options)
    say(good, "trained", f"{first.accuracy:.1%} of the validation digits read correctly, after {first.seconds:.1f} s")
    if not good:
        print(f"{'':<13}more than {GOOD_ENOUGH:.0%} is expected of 10 epochs")
    say(same, "resumed", f"from step {step}: {'the same' if same else 'OTHER'} weights, bit for bit")
    say(True, "verified", f"{report.tensors} tensors of the best checkpoint match their digests")
    say(refusal is not None, "tampered", f"one bit changed in a copy: {'LOADED' if refusal is None else 'refused'}")
    if refusal is not None:
        print(indent(fill(refusal, 96, break_long_words=False, break_on_hyphens=False), " " * 13))
    print(f"\n  best checkpoint   {shown(first.best)}\n  learning curves   {shown(picture)}")
    return 0 if good and same and refusal is not None else 1


def fresh_folder(path: Path) -> Path:
    """The folder, made for its owner alone. One with files in it is refused, so that nothing is overwritten."""
    from leyden.security.paths import private_directory  # here, since other commands wait for what it imports

    if any(private_directory(path).iterdir()):
        raise PathError(f"{path} is not empty. Choose another folder with --out, or remove this one.")
    return path


def announce(words: str, options: Namespace) -> None:
    if not options.quiet:
        print(words, flush=True)


def say(kept: bool, topic: str, words: str) -> None:
    print(f"{'✓' if kept else '✗'} {topic:<10} {words}")


def shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


DEMO = Command(HELP, arguments, run)
