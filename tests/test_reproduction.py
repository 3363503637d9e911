# Generated from nbs/62_reproduction.ipynb; edit the notebook, then run make export.
from difcon.project import InputError
from difcon.project import repository
from difcon.reproduction import read_profile, reproduce
from pathlib import Path
import ast
import contextlib
import io
import nbformat
import papermill
import tempfile
import yaml


def small_repository(folder, last="1 / divisor"):
    "Two notebooks with one parameter each, and a profile."
    root = Path(folder)
    (root / "nbs").mkdir()
    (root / "profiles.yaml").write_text("smoke:\n  every: {divisor: 0, unused: 1}\n  01_second: {divisor: 0}\n")
    for name, source in (("00_first", "print(divisor)"), ("01_second", last)):
        cells = [nbformat.v4.new_code_cell("divisor = 1", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(source)]
        metadata = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), root / "nbs" / f"{name}.ipynb")
    return root


def test_a_failing_notebook_is_named():
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        first, second = reproduce(small_repository(folder), "smoke")
        executed = nbformat.read(Path(folder) / "runs/smoke/00_first.ipynb", as_version=4)
        times = (Path(folder) / "runs/smoke/times.csv").read_text().splitlines()
    assert first.error is None and any(cell.get("outputs", [{}])[0].get("text") == "0\n" for cell in executed.cells if cell.get("outputs"))
    assert "01_second.ipynb, cell" in second.error and "ZeroDivisionError" in second.error
    assert "[2/2] 01_second FAILED" in printed.getvalue() and len(times) == 3


def test_only_notebooks_that_declare_a_parameter():
    with tempfile.TemporaryDirectory() as folder:
        root = small_repository(folder)
        (root / "profiles.yaml").write_text("bench:\n  every: {divisor: 2}\n  declaring: divisor\n")
        assert list(read_profile(root, "bench")) == ["00_first", "01_second"]
        (root / "profiles.yaml").write_text("bench:\n  declaring: bench\n")
        assert read_profile(root, "bench") == {}


def test_a_wrong_profile_is_named():
    with tempfile.TemporaryDirectory() as folder:
        root = small_repository(folder)
        for profile, text, word in (("huge", "smoke: {}", "huge"), ("smoke", "smoke: {07_none: {a: 1}}", "07_none"),
                                    ("smoke", "smoke: {00_first: {divsor: 1}}", "divsor")):
            (root / "profiles.yaml").write_text(text)
            try:
                read_profile(root, profile)
            except InputError as error:
                assert word in str(error)
            else:
                raise AssertionError("a wrong profile was accepted")


def test_profiles_and_notebooks_agree():
    notebooks = {path.stem: papermill.inspect_notebook(str(path)) for path in (repository() / "nbs").glob("*.ipynb")}
    profiles = yaml.safe_load((repository() / "profiles.yaml").read_text(encoding="utf-8"))
    for profile, blocks in profiles.items():
        needed = blocks.pop("declaring", None)
        assert needed is None or any(needed in known for known in notebooks.values())
        for stem, given in blocks.items():
            known = set().union(*notebooks.values()) if stem == "every" else set(notebooks[stem])
            assert set(given) <= known, f"profile {profile}, {stem}: no parameter {set(given) - known}"
    for stem, given in read_profile(repository(), "quick").items():
        for name, value in given.items():
            if name in notebooks[stem]:
                assert ast.literal_eval(notebooks[stem][name]["default"]) == value, f"{stem}: {name} differs from the quick profile"
