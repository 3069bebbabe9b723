"""Entry point of the py_test rules: runs pytest on one test file."""

import sys

import pytest

code = pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]])
sys.exit(0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code)  # no test collected: all are marked slow
