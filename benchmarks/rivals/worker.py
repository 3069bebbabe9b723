"""One contestant in a process of its own, which steps when told to.

    python worker.py MODULE SPEC

MODULE beside this file has `make(spec) -> (step, check)`; SPEC is a JSON file. Every line of standard input is an
order, every line of standard output its answer in JSON: "check" gives loss and gradient norm before training, "step"
the seconds of one training step and its loss.
"""

import importlib
import json
import sys
import time
from pathlib import Path


def main():
    module, path = sys.argv[1:]
    step, check = importlib.import_module(module).make(json.loads(Path(path).read_text()))
    for line in sys.stdin:
        start = time.perf_counter()
        if line.strip() == "check":
            answer = check()
        else:
            loss = step()
            answer = {"seconds": time.perf_counter() - start, "loss": loss}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
