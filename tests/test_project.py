# Generated from nbs/03_project.ipynb; edit the notebook, then run make export.
from difcon.project import MissingExtra, data_file, data_folder, forget_stale_kernels, from_extra, keep_kernels, replacing, save_table, saved_table, whole_number
from pathlib import Path
import argparse
import os
import pandas as pd
import tempfile


def test_whole_numbers():
    assert whole_number("3") == 3 and whole_number("0", least=0) == 0
    for text in ("0", "-3", "2.5", "many"):
        try:
            whole_number(text)
        except argparse.ArgumentTypeError as error:
            assert text in str(error)
        else:
            raise AssertionError(f"{text} was taken")


def test_data_folder_follows_the_environment():
    before = os.environ.pop("DIFCON_DATA", None)
    assert data_folder().name == "difcon"
    os.environ["DIFCON_DATA"] = "/some/where"
    assert data_file("a/b.csv") == Path("/some/where/a/b.csv")
    del os.environ["DIFCON_DATA"]
    os.environ |= {"DIFCON_DATA": before} if before else {}


def test_missing_extra_is_named():
    try:
        from_extra("no_such_module", "measured")
    except MissingExtra as error:
        assert isinstance(error, ModuleNotFoundError)
        assert 'pip install "difcon[measured]"' in str(error)
    else:
        raise AssertionError("a missing module was found")


def test_a_file_is_whole_or_absent():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "a.txt"
        with replacing(path) as temporary:
            temporary.write_text("whole")
        try:
            with replacing(path) as temporary:
                temporary.write_text("hal")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert path.read_text() == "whole" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_stale_kernels_are_forgotten():
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        (package / "__pycache__").mkdir()
        for age, name in ((2, "__pycache__/old.nbi"), (1, "module.py"), (0, "__pycache__/new.nbi")):
            (package / name).touch()
            os.utime(package / name, (10**9 - age, 10**9 - age))
        assert forget_stale_kernels(package) == [package / "__pycache__/old.nbi"]
        assert [path.name for path in (package / "__pycache__").iterdir()] == ["new.nbi"]
    assert not keep_kernels("__main__")


def test_tables_on_disk():
    with tempfile.TemporaryDirectory() as folder:
        save_table(pd.DataFrame({"a|b": [1, 2]}), "small", folder, "2 rows")
        assert (Path(folder) / "tables/small.csv").read_text() == "a|b\n1\n2\n"
        assert (Path(folder) / "tables/small.md").read_text() == "| a\\|b |\n| --- |\n| 1 |\n| 2 |\n\n2 rows\n"
        assert saved_table("small", folder).endswith("2 rows\n") and "none.md" in saved_table("none", folder)
