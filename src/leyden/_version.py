"""The version of Leyden, and of the Lightning whose interface it has."""

__version__ = "0.1.0"
LIGHTNING_VERSION = "2.6.6"
