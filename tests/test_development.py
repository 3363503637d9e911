# Generated from nbs/64_development.ipynb; edit the notebook, then run make export.
from difcon.development import defined_names, export, imported_names, loaded_names, out_of_step, with_table
from difcon.project import InputError
from difcon.project import repository
from pathlib import Path
import shutil
import tempfile


def test_names_of_code():
    assert loaded_names("a = np.sum(b)") == {"np", "b"}
    assert defined_names("def f(): pass\nx, y = [z for z in (1, 2)]\nimport w") == {"f", "x", "y"}
    assert imported_names("import numpy as np\nfrom math import pi, e") == {
        "np": "import numpy as np", "pi": "from math import pi", "e": "from math import e"}


def small_repository(folder, settings):
    "A repository with one notebook that exports one function and one test."
    import nbformat

    root = Path(folder)
    (root / "nbs").mkdir()
    shutil.copy(settings, root / "settings.ini")
    cells = ["#| default_exp double", "import math", "#| export\ndef double(x):\n    return 2 * x",
             "#| test doubles\nassert double(math.pi) == 2 * math.pi"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, root / "nbs" / "00_double.ipynb")
    export(root)
    return root


def test_check_finds_what_is_out_of_step():
    settings = repository() / "settings.ini"
    with tempfile.TemporaryDirectory() as folder:
        root = small_repository(folder, settings)
        assert out_of_step(root) == []
        test = (root / "tests/test_double.py").read_text()
        assert "from difcon.double import double" in test and "import math" in test
        (root / "difcon/double.py").write_text("def double(x): return 3 * x\n")
        (root / "tests/test_extra.py").write_text("")
        assert out_of_step(root) == ["tests/test_extra.py: no notebook makes it", "difcon/double.py: differs from its notebook"]
        (root / "tests/test_double.py").unlink()
        assert "tests/test_double.py: missing" in out_of_step(root)


def test_a_table_finds_its_place():
    assert with_table("a\n<!-- t -->\nold\n<!-- end of t -->\nb", "t", "new\n") == "a\n<!-- t -->\nnew\n<!-- end of t -->\nb"
    try:
        with_table("nothing here", "t", "new")
    except InputError as error:
        assert "<!-- t -->" in str(error)
    else:
        raise AssertionError("a table without a place was taken")
