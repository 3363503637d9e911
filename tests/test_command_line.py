# Generated from nbs/63_command_line.ipynb; edit the notebook, then run make export.
from difcon.command_line import main
import contextlib
import io
import subprocess
import sys


def called(*arguments):
    "Exit code and what went to standard error."
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = end.code
    return code, printed.getvalue()


def test_mistakes_end_with_one_line():
    code, printed = called("reproduce", "--profile", "huge")
    assert code == 2 and printed.startswith("difcon reproduce: profile 'huge'") and printed.count("\n") == 1
    code, printed = called("predict", "no_such_pattern.xy", "--wavelength", "1.5406")
    assert code == 2 and "no_such_pattern.xy" in printed and "Traceback" not in printed
    code, printed = called("divine")
    assert code == 2 and "invalid choice: 'divine'" in printed


def test_help_needs_no_heavy_import():
    program = "import sys\nfrom difcon.command_line import make_parser\nmake_parser(None)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
