"""Worker process of one contestant in benchmarks/train_step.py; it runs a training step on request.

    python worker.py MODULE SPEC

MODULE is a module in this folder with a function `make(spec) -> (step, check)`. SPEC is a JSON file. Every line of
standard input is an order; the answer to each is a line of JSON on standard output. "check" returns the loss and the
gradient norm before training. "step" runs one training step and returns its seconds and its loss.
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
