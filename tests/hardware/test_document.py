"""YAML text to plain data: libyaml, where it is there, changes nothing but the time."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from cosim_hw_models import MODELS, TECHNOLOGIES

from cosim.errors import DescriptionError
from cosim.hardware import document

PACKAGED = {**MODELS, **TECHNOLOGIES}
needs_libyaml = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml")


@needs_libyaml
@pytest.mark.parametrize("name", PACKAGED)
def test_both_readers_read_the_same(name, monkeypatch):
    text = PACKAGED[name].read_text("utf-8")
    quick = document._parsed(text)
    monkeypatch.setattr(document, "DEPTH", 0)
    assert repr(document._parsed(text)) == repr(quick)


@needs_libyaml
@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_files_are_read_by_libyaml(name, monkeypatch):
    monkeypatch.setattr(document, "_Loader", None)  # the other reader fails
    assert document._parsed(PACKAGED[name].read_text("utf-8"))["schema"] == 1


@pytest.mark.parametrize("text", ["a: b: c\n", "a: [1, 2\nb: 3\n", "a:\n\t- 1\n", "a: 'b\n", "a: *b\n", "a: \x01\n"])
def test_a_fault_is_told_in_the_words_of_pyyaml(text, monkeypatch):
    def fault():
        with pytest.raises(DescriptionError) as raised:
            document.read_document(text)
        return str(raised.value)

    told = fault()
    monkeypatch.setattr(document, "DEPTH", 0)
    assert told == fault()
    assert "not valid YAML" in told


def test_a_key_written_twice_is_told_with_both_lines():
    with pytest.raises(DescriptionError, match="key 'b' on line 4 is already on line 2"):
        document.read_document("a:\n  b: 1\n  c: 2\n  b: 3\n")


NESTED = {
    "brackets": "'a: ' + '[' * 100_000 + '\\n'",
    "braces": "'a: ' + '{a: ' * 100_000 + '\\n'",
    "dashes": "'a:\\n' + '- ' * 100_000 + 'b\\n'",
    "columns": "''.join(' ' * level + 'a:\\n' for level in range(4000))",
}


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_is_an_error_and_no_crash(kind):
    code = (
        "from cosim.errors import DescriptionError\nfrom cosim.hardware.document import read_document\n"
        f"try:\n    read_document({NESTED[kind]})\nexcept DescriptionError as error:\n    print(error.found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "nested too deeply\n"
