"""Fault-injection harness: training is killed, stopped, starved of disk space or damaged, and must recover.

    python tests/faults --json=faults.json

Run by `make test-faults`. One reference run is not disturbed. Every other run suffers a fault, is resumed with the same
command, and must end bitwise equal to the reference run.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cases
from PIL import Image
from runs import Process

from ris_tf.data.synthetic import drawings

SEQUENCES = 5  # of kills of forked processes; one more sequence kills the real command


@dataclass(frozen=True)
class Place:
    """Where the runs are.

    Attributes:
      folder: Path that holds all work folders.
      data: Path of the data set.
      reference: Path of the work folder of the uninterrupted run.
      seconds: duration of the uninterrupted run.
    """

    folder: Path
    data: Path
    reference: Path
    seconds: float = 0.0

    def new(self, name):
        """Path of a new work folder; it does not exist yet."""
        return self.folder / name


def write_data(folder):
    """Writes a data set of six training and two validation images."""
    for split, count in (("train", 6), ("val", 2)):
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for index in range(count):
            image, labels = drawings.sample("discs", len(split), index, 64)
            Image.fromarray(image).save(folder / split / "images" / f"{index}.png")
            Image.fromarray(labels).save(folder / split / "masks" / f"{index}.png")


def run(job):
    """Runs one case of `cases`.

    Args:
      job: (name, argument, further arguments, Place).

    Returns:
      dict, the record of the fault; "why" says what was wrong, None or [] if the training survived.
    """
    name, argument, more, place = job
    begun, case = time.monotonic(), getattr(cases, name)
    record = {"fault": name, "argument": argument, **more}
    try:
        if name == "kills":
            record.update(case(place, argument, **more))
        else:
            record["why"] = next((str(why) for right, why in case(place, argument, **more) if not right), None)
    except Exception as error:  # a case that raises an error counts as lost
        record["why"] = f"{type(error).__name__}: {error}"
        record.setdefault("kills", 0)
    return {**record, "seconds": round(time.monotonic() - begun, 1)}


def jobs(place):
    """All faults to run, the slow ones first."""
    listed = [("kills", 100, {"real": True})]
    listed += [("kills", seed, {}) for seed in range(SEQUENCES)]
    listed += [("terminated", 7, {"real": True}), ("terminated", 1, {}), ("terminated", 2, {})]
    listed += [("full_disk", share, {}) for share in (0.1, 0.25, 0.45, 0.55, 0.65, 0.75)]
    listed += [("damaged_checkpoint", kind, {}) for kind in ("truncated", "empty", "flipped", "zeroed", "noise")]
    listed += [("corrupt_data", kind, {}) for kind in ("truncated", "empty", "mask", "during")]
    listed += [("both_damaged", None, {}), ("terminated_early", 1, {})]
    return [(*job, place) for job in listed]


def main():
    parser = argparse.ArgumentParser(description="Fault-injection tests of training.")
    parser.add_argument("--json", type=Path, help="JSON file for the record of every fault")
    parser.add_argument("--only", default="", help="names of the faults to run, separated by commas")
    arguments, begun = parser.parse_args(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = str(Path(folder) / "tmp")  # for files that killed processes leave
        os.mkdir(tempfile.tempdir)
        place = Place(Path(folder), Path(folder) / "data", Path(folder) / "reference")
        write_data(place.data)
        reference = Process(place.reference, place.data)
        if reference.wait() != 0:
            sys.exit(f"the uninterrupted run failed: {reference.said()}")
        place = Place(place.folder, place.data, place.reference, time.monotonic() - reference.begun)
        listed = [job for job in jobs(place) if not arguments.only or job[0] in arguments.only.split(",")]
        records = []
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for record in pool.imap_unordered(run, listed):
                records.append(record)
                print(f"{record['fault']} {record['argument']}: {record['why'] or 'survived'}", flush=True)
    totals = summarise(records)
    totals["seconds"] = round(time.monotonic() - begun)
    if arguments.json:
        arguments.json.write_text(json.dumps({"totals": totals, "faults": records}, indent=2) + "\n")
    print(
        f"kills: {totals['survived']} survived, {totals['lost']} lost ({totals['in_saves']} within a write, "
        f"{totals['real']} of the real command); other faults: {totals['others_survived']} survived, "
        f"{totals['others_lost']} lost; {totals['seconds']} s"
    )
    sys.exit(totals["lost"] + totals["others_lost"] > 0 or not records)


def summarise(records):
    """Counts the records: {name: int}."""
    kills = [record for record in records if record["fault"] == "kills"]
    others = [record for record in records if record["fault"] != "kills"]
    lost = sum(record.get("lost", cases.KILLS) for record in kills)
    return {
        "survived": sum(record["kills"] for record in kills) - sum(record.get("lost", 0) for record in kills),
        "lost": lost,
        "in_saves": sum(record.get("in_saves", 0) for record in kills),
        "real": sum(record["kills"] for record in kills if record.get("real")),
        "others_survived": sum(record["why"] is None for record in others),
        "others_lost": sum(record["why"] is not None for record in others),
    }


if __name__ == "__main__":
    main()
