"""``python -m leyden`` is the ``leyden`` program."""

from leyden.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
