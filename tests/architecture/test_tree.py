"""The tree: what is packaged, how long files are, and what must never be in one."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

FOLDERS = {
    "cosim": "cosim",
    "cosim_plugins": "plugins/cosim_plugins",
    "cosim_hw_models": "hw_models",
    "cosim_workloads": "workloads",
}
LONGEST = 400
LONGEST_TEST = 600  # a list of cases reads well at any length
# Files that are one concept and longer; every line says why.
LONG: dict[str, str] = {}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def packages(root):
    """Import names of all folders with Python files."""
    found = set()
    for name, folder in FOLDERS.items():
        for path in (root / folder).rglob("*.py"):
            inside = path.parent.relative_to(root / folder).parts
            found.add(".".join([name, *inside]))
    return sorted(found)


def sources(root):
    return sorted(path for folder in [*FOLDERS.values(), "tests"] for path in (root / folder).rglob("*.py"))


def test_the_packages_are_those_of_the_tree(root, project):
    listed = project["tool"]["setuptools"]["packages"]
    assert listed == packages(root), "\n" + "\n".join(f'    "{name}",' for name in packages(root))


def test_every_package_has_an_init(root):
    # Without it, importlib.resources fails on editable installs.
    for name in packages(root):
        top, _, inside = name.partition(".")
        assert (root / FOLDERS[top] / inside.replace(".", "/") / "__init__.py").is_file(), name


def test_every_data_file_is_in_a_package_with_a_pattern(root, project):
    patterns = project["tool"]["setuptools"]["package-data"]
    for name, folder in FOLDERS.items():
        allowed = {pattern.rpartition(".")[2] for pattern in patterns.get(name, [])} | {"typed", "py"}
        for path in (root / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.suffix[1:] in allowed, f"{path.relative_to(root)} would be missing from the wheel"


def test_every_package_is_marked_as_typed(root):
    assert all((root / folder / "py.typed").is_file() for folder in FOLDERS.values())


def test_files_are_short(root):
    lengths = {str(path.relative_to(root)): len(path.read_text("utf-8").splitlines()) for path in sources(root)}
    limit = {name: LONGEST_TEST if name.startswith("tests/") else LONGEST for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limit[name] and name not in LONG} == {}
    assert {name for name in LONG if lengths.get(name, 0) <= limit.get(name, 0)} == set(), "no longer an exception"


@pytest.mark.parametrize("word", ["utils", "helpers", "misc", "common"])
def test_no_file_is_named_after_nothing(root, word):
    assert [path for path in sources(root) if path.stem == word] == []


def test_no_class_is_named_after_its_role_in_the_code(root):
    pattern = re.compile(r"^class (Base[A-Z]\w*|\w+Manager|\w+Utils|I[A-Z][a-z]\w*)\b", re.MULTILINE)
    found = [
        f"{path.relative_to(root)}: {match[1]}"
        for path in sources(root)
        for match in pattern.finditer(path.read_text("utf-8"))
        if not match[1].startswith(("Int", "Index", "Infeasible", "Inception", "Input", "Inner", "Item", "Image"))
    ]
    assert found == []


def text_files(root):
    """Every file that belongs to the project: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in done.stdout.splitlines() if (root / name).is_file()]
    assert names
    for name in names:
        try:
            yield name, (root / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue


# Written in pieces, so that this file does not find itself. The second part: only in folders that begin so.
FORBIDDEN = {
    "an absolute path of somebody's machine": (r"/(?:home|Users|work|root|opt)/[A-Za-z0-9_.]", ""),
    "a folder beside the checkout": (r"\.\./" + "shared", ""),
    "a package index": (r"(?:--(?:extra-)?" + r"index-url|--find" + r"-links|--trusted" + r"-host)", ""),
    "a marker of a merge": (r"^(?:<{7}|>{7}) ", ""),
    "pickle": (r"^\s*(?:import|from) " + "pickle", ""),
    "a call of eval or exec": (
        r"(?<![\w.])(?:ev" + r"al|ex" + r"ec)\(",
        ("cosim/", "plugins/", "workloads/", "hw_models/"),
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(root, what):
    expression, folders = FORBIDDEN[what]
    pattern = re.compile(expression, re.MULTILINE)
    texts = [(name, text) for name, text in text_files(root) if name.startswith(folders)]
    assert texts
    assert [f"{name}: {match[0]}" for name, text in texts for match in pattern.finditer(text)] == []


def test_the_patterns_find_what_they_are_for():
    examples = [
        "/ho" + "me/me/x",
        "../" + "shared",
        "pip --extra-" + "index-url x",
        "<" * 7 + " HEAD",
        "import " + "pickle",
    ]
    examples.append("x = ev" + "al(text)")
    for (expression, _), example in zip(FORBIDDEN.values(), examples, strict=True):
        assert re.search(expression, example, re.MULTILINE)
