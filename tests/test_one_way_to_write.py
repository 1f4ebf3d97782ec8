"""``security/paths.py`` is the only part of the package that writes, deletes, links or changes a file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "leyden"

# Where it stands, what is called there, and why it is not done through security/paths.py.
EXCEPTIONS = {
    ("audit/fix/apply.py", "os.fchmod"): "an open file, which was compared with what was planned; given to the caller",
    ("audit/fix/apply.py", "os.fchown"): "a new file of the caller's, which gets the group of the one it replaces",
    ("audit/fix/apply.py", "os.link"): "keeps the original under a new name; the auditor does not import security",
    ("audit/fix/apply.py", "unlink"): "takes back that name after an error",
    ("audit/pool.py", "tempfile.TemporaryFile"): "has no name; the auditor does not import security",
    ("checkpoint/convert.py", "torch.save"): "into a stream of the caller's",
    ("cli/main.py", "os.open"): "/dev/null, for what comes after the reader of a pipe has gone",
    ("security/ledger.py", "os.open"): "the record of a run: a line needs the one before it, in one lock",
    ("security/ledger.py", "os.ftruncate"): "takes away what a process that died has left of a line, in the same lock",
    ("security/saves.py", "os.open"): "the record of saves, beside the keys, which is moved away when it is full",
    ("security/saves.py", "open"): "what os.open has opened",
    ("compat/torch_save.py", "open"): "the file that the program has named to torch.save",
}

OF_OS = {
    *("remove", "unlink", "rmdir", "removedirs", "rename", "renames", "replace", "link", "symlink", "mkdir"),
    *("makedirs", "mkfifo", "mknod", "truncate", "ftruncate", "chmod", "fchmod", "lchmod", "chown", "fchown", "lchown"),
    *("utime", "setxattr", "removexattr", "sendfile", "copy_file_range", "system", "popen"),
}
OF_SHUTIL = {
    *("copy", "copy2", "copyfile", "copytree", "copymode", "copystat", "move", "rmtree", "chown"),
    *("make_archive", "unpack_archive"),
}
OF_PATHS = {
    *("write_text", "write_bytes", "unlink", "rmdir", "rename", "symlink_to", "hardlink_to", "mkdir", "touch"),
    *("chmod", "lchmod", "extractall", "extract"),
}
READS = {"O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_BINARY", "O_DIRECTORY", "O_CLOEXEC", "O_NOCTTY"}
WRITERS = {("torch", "save"), ("np", "save"), ("numpy", "save"), ("np", "savez"), ("np", "savetxt")}


def found_in(tree: ast.Module) -> set[str]:
    """What a module calls that changes files, by its name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="os" | "shutil" | "tempfile" | "pathlib" as module, names=names):
                bad = {"os": OF_OS | {"open"}, "shutil": OF_SHUTIL}.get(str(module), set())
                for name in names:
                    if name.name in bad or module == "tempfile":
                        found.add(f"{module}.{name.name}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="open"), args=[_, flags, *_]):
                if not reads_only(flags, tree):
                    found.add("os.open")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)) if name in OF_OS:
                found.add(f"os.{name}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="shutil"), attr=name)) if name in OF_SHUTIL:
                found.add(f"shutil.{name}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tempfile"), attr=name)):
                found.add(f"tempfile.{name}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (owner, name) in WRITERS:
                found.add(f"{owner}.{name}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os" | "shutil" | "paths" | "remote_files"))):
                pass
            case ast.Call(func=ast.Name(id="open"), args=[_, *rest], keywords=keywords):
                if writes(rest, keywords):
                    found.add("open")
            case ast.Call(func=ast.Attribute(attr="open"), args=rest, keywords=keywords):
                if any(isinstance(mode, ast.Constant) and isinstance(mode.value, str) for mode in rest[:1]) and writes(
                    rest, keywords
                ):
                    found.add("open")
            case ast.Call(func=ast.Attribute(attr="replace"), args=[_], keywords=[]):
                found.add("replace")  # that of a path; a text's has two arguments
            case ast.Call(func=ast.Attribute(attr=name)) if name in OF_PATHS:
                found.add(name)
    return found


def writes(rest: list[ast.expr], keywords: list[ast.keyword]) -> bool:
    modes = [*rest[:1], *(keyword.value for keyword in keywords if keyword.arg == "mode")]
    return not all(isinstance(mode, ast.Constant) and not set("wax+") & {*str(mode.value)} for mode in modes)


def reads_only(flags: ast.expr, tree: ast.Module) -> bool:
    """Are all flags those of reading, through names of the module's own?"""
    names = {node.attr for node in ast.walk(flags) if isinstance(node, ast.Attribute) and node.attr.startswith("O_")}
    names |= {
        str(node.value)
        for node in ast.walk(flags)
        if isinstance(node, ast.Constant) and str(node.value).startswith("O_")
    }
    inner = {node.id for node in ast.walk(flags) if isinstance(node, ast.Name)} - {"os", "getattr"}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in inner:
                inner.discard(name)
                if not reads_only(value, tree):
                    return False
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in inner:
                inner.discard(name)
                if not reads_only(value, tree):
                    return False
    return names <= READS and not inner


def test_no_other_part_of_the_package_changes_a_file():
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name != "security/paths.py":
            found |= {(name, what) for what in found_in(ast.parse(path.read_text()))}
    assert found == EXCEPTIONS.keys()


@pytest.mark.parametrize(
    "code",
    [
        "open(p, 'w')",
        "open(p, mode='ab')",
        "open(p, mode)",
        "open(p, 'r+b')",
        "p.open('x')",
        "Path(p).write_text('x')",
        "p.write_bytes(b'x')",
        "p.unlink()",
        "p.rename(q)",
        "p.replace(q)",
        "Path(p).mkdir(parents=True)",
        "p.symlink_to(q)",
        "os.replace(p, q)",
        "os.open(p, os.O_WRONLY | os.O_CREAT)",
        "F = os.O_RDWR\nos.open(p, F)",
        "os.open(p, flags)",
        "os.makedirs(p)",
        "shutil.rmtree(p)",
        "shutil.copy2(p, q)",
        "tempfile.mkdtemp()",
        "from tempfile import mkdtemp",
        "from shutil import rmtree",
        "from os import remove",
        "archive.extractall(p)",
        "torch.save(x, p)",
    ],
)
def test_every_way_to_change_a_file_is_seen(code):
    assert found_in(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "open(p)",
        "open(p, 'rb')",
        "open(descriptor, 'rb', closefd=False)",
        "p.open('rb')",
        "p.open(newline='', encoding='utf-8')",
        "log.open(stage, streams)",
        "text.replace('a', 'b')",
        "replace(settings, a=1)",
        "replacing(p)",
        "F = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0)\nos.open(p, F)",
        "dataclasses.replace(a, b=1)",
        "remote_files.delete(x)",
    ],
)
def test_reading_is_not_taken_for_it(code):
    assert found_in(ast.parse(code)) == set()
