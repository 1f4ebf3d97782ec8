"""The two classes that Lightning's two roots call Trainer.

Programs mix the roots, and so does what patches them: MLflow's autologging replaces ``fit`` of ``lightning.Trainer``
and of ``pytorch_lightning.Trainer``. If both were one class, the second patch would wrap the first, and a fit would be
logged twice. So each root has a class with methods of its own, and an object of one counts as one of the other.
"""

from __future__ import annotations

from abc import ABCMeta

from leyden import trainer

LightningTrainer = trainer.Trainer


class _EitherType(ABCMeta):  # so that a program can mix its class with an abstract one
    def __instancecheck__(cls, instance: object) -> bool:
        return issubclass(type(instance), cls)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return type.__subclasscheck__(LightningTrainer if cls is Trainer else cls, subclass)


class Trainer(LightningTrainer, metaclass=_EitherType):
    """``pytorch_lightning.Trainer``: what is replaced on ``lightning.Trainer`` is not replaced here."""

    __init__ = LightningTrainer.__init__
    fit = LightningTrainer.fit
    validate = LightningTrainer.validate
    test = LightningTrainer.test
    predict = LightningTrainer.predict
    save_checkpoint = LightningTrainer.save_checkpoint
