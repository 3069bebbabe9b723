"""Cases of the fault-injection tests; each run is finished after the fault and compared with the uninterrupted run.

Except for `kills`, a case takes a Place and an argument and yields (bool, text): whether a condition holds, and what
was found, for the record if it does not.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess

from runs import INTERVAL, STEPS, Process, kill
from state import contents, difference

KILLS = 6  # in one sequence
KINDS = ("operation", "write", "moment", "step")


def kills(place, seed, real=False):
    """Kills a run, resumes it and kills it again, and starts new runs, until there have been KILLS kills.

    Args:
      place: Place.
      seed: determines the moments of the kills.
      real: whether to start the installed command instead of a fork.

    Returns:
      dict with the keys "kills", their number; "lost", the number of kills in runs that did not recover; "in_saves",
      the number of kills that left a half-written file; and "why", list of str.
    """
    dice, done = random.Random(seed), {"kills": 0, "lost": 0, "in_saves": 0, "why": []}
    begun = 0
    while done["kills"] < KILLS:
        workdir, here, why = place.new(f"kills{seed}_{begun}"), 0, None
        begun += 1
        finished = False
        while done["kills"] + here < KILLS and not finished and not why:
            kind = "command" if real else KINDS[(done["kills"] + here + seed) % len(KINDS)]
            process = kill(workdir, place.data, kind, place.seconds, dice)
            finished = process.code == 0
            here += process.code == -signal.SIGKILL
            done["in_saves"] += process.code == -signal.SIGKILL and any(workdir.glob(".*.tmp"))
            if process.code not in (0, -signal.SIGKILL):
                why = f"{kind}: exit code {process.code}, {process.last_line()}"
        why = why or (None if finished else _finish(workdir, place)) or difference(workdir, place.reference)
        done["kills"] += here
        if why:
            done["lost"] += here
            done["why"].append(f"{workdir}: {why}")
    return done


def full_disk(place, share):
    """A file system with room for only a share of what a run writes: it fills up while saving, then gets more room."""
    folder = place.new(f"disk{round(100 * share)}")
    need = sum(path.stat().st_size for path in place.reference.rglob("*") if path.is_file())
    with _small_disk(folder, int(share * need)) as grow:
        workdir = folder / "run"
        limit = None if grow else int(share * (place.reference / "last.keras").stat().st_size)
        process = Process(workdir, place.data, largest_file=limit)
        process.wait()
        yield process.code == 1, f"exit code {process.code}: {process.last_line()}"
        line = process.last_line()
        yield re.match(rf"ris-train: {re.escape(str(workdir))}\S*: .*; make room and run the same", line), line
        yield not any(workdir.glob(".*.tmp")), "a half-written file remains"
        for path in workdir.glob("*.keras"):
            contents(path)  # raises an error unless the file is complete
        if grow:
            grow()
        yield from _ends_equal(workdir, place)


def terminated(place, seed, real=False):
    """SIGTERM at random moments until the run is done: exit code 0, a message with the step, and a checkpoint of it."""
    dice, workdir = random.Random(seed), place.new(f"term{seed}")
    for _ in range(1 if real else 3):
        process = Process(workdir, place.data, real=real)
        process.wait(process.stepped)
        process.send(signal.SIGTERM, dice.uniform(0, 0.1 * place.seconds))
        process.wait()
        line = process.last_line()
        yield process.code == 0, f"exit code {process.code}: {line}"
        stopped = re.search(rf"stopped by SIGTERM at step (\d+) of {STEPS}, saved", line)
        if not stopped:
            break  # it was finished before the signal
        saved = contents(workdir / "last.keras")["config"]["progress"]["step"]
        yield int(stopped[1]) == saved, f"said {line}, saved {saved}"
    yield from _ends_equal(workdir, place)


def terminated_early(place, seed):
    """SIGTERM before the first step: exit code 0 and a message."""
    workdir = place.new(f"early{seed}")
    process = Process(workdir, place.data)
    process.wait(lambda: "reading" in process.said())
    process.send(signal.SIGTERM)
    process.wait()
    yield process.code == 0 and "stopped by SIGTERM" in process.said(), f"{process.code}: {process.last_line()}"
    yield from _ends_equal(workdir, place)


def damaged_checkpoint(place, damage):
    """The newest checkpoint of a stopped run is damaged: the run resumes from the one before and says so."""
    workdir = place.new(f"damage_{damage}")
    process = Process(workdir, place.data)
    process.wait(lambda: (workdir / "log.csv").exists() and f"\n{2 * INTERVAL}," in (workdir / "log.csv").read_text())
    process.send(signal.SIGTERM)
    process.wait()
    last, dice = workdir / "last.keras", random.Random(damage)
    data = bytearray(last.read_bytes())
    if damage == "empty":
        data = b""
    elif damage == "truncated":
        del data[len(data) // 2 :]
    elif damage == "flipped":  # one bit, in an array
        data[_inside_an_array(last, dice)] ^= 1 << dice.randrange(8)
    elif damage == "zeroed":
        data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
    else:
        data = dice.randbytes(len(data))
    last.write_bytes(data)
    process = Process(workdir, place.data)
    process.wait()
    said = re.search(rf"{re.escape(str(last))}: .*; resuming from previous.keras, step \d+", process.said())
    yield process.code == 0 and said, f"exit code {process.code}: {process.last_line()}"
    yield difference(workdir, place.reference) is None, difference(workdir, place.reference)


def _inside_an_array(path, dice):
    """Position in the file of a random byte of the longest array."""
    arrays = [value[2] for value in contents(path).values() if isinstance(value, tuple)]
    longest = max(arrays, key=len)
    return path.read_bytes().index(longest) + dice.randrange(len(longest))


def both_damaged(place, _):
    """Neither checkpoint can be read: one line of error, exit code 1, and nothing is overwritten."""
    workdir = place.new("both")
    shutil.copytree(place.reference, workdir)
    for name in ("last.keras", "previous.keras"):
        (workdir / name).write_bytes(b"broken")
    process = Process(workdir, place.data)
    process.wait()
    yield process.code == 1 and "last.keras" in process.last_line(), f"{process.code}: {process.last_line()}"
    yield (workdir / "last.keras").read_bytes() == b"broken", "overwritten"


def corrupt_data(place, kind):
    """A data file is corrupt when a run is resumed: one line names it, and the checkpoint is not changed.

    With `kind` "during", the file is damaged while the run has all images in memory; the run must not be affected.
    """
    workdir, data = place.new(f"data_{kind}"), place.new(f"files_{kind}")
    shutil.copytree(place.data, data)
    process = Process(workdir, data)
    process.wait(lambda: (workdir / "log.csv").exists())
    if kind == "during":  # all images are in memory by now
        next((data / "train" / "images").iterdir()).write_bytes(b"\x89PNG")
        process.wait()
        yield process.code == 0, f"exit code {process.code}: {process.last_line()}"
        yield difference(workdir, place.reference) is None, difference(workdir, place.reference)
        return
    process.send(signal.SIGTERM)
    process.wait()
    before = (workdir / "last.keras").read_bytes()
    victim = sorted((data / "train" / ("masks" if kind == "mask" else "images")).iterdir())[2]
    kept = victim.read_bytes()
    victim.write_bytes({"truncated": kept[: len(kept) // 2], "empty": b"", "mask": kept[:60]}[kind])
    process = Process(workdir, data)
    process.wait()
    line = process.last_line()
    yield process.code == 1 and line.startswith("ris-train: ") and str(victim) in line, f"{process.code}: {line}"
    yield (workdir / "last.keras").read_bytes() == before, "the checkpoint has changed"
    victim.write_bytes(kept)
    process = Process(workdir, data)
    yield process.wait() == 0, f"exit code {process.code}: {process.last_line()}"
    yield difference(workdir, place.reference) is None, difference(workdir, place.reference)


def _finish(workdir, place):
    """Resumes a run to its end; returns what went wrong, or None."""
    process = Process(workdir, place.data)
    process.wait()
    return None if process.code == 0 else f"exit code {process.code}: {process.last_line()}"


def _ends_equal(workdir, place):
    """Yields as the cases do: the run can be resumed to its end, and ends equal to the uninterrupted one."""
    why = _finish(workdir, place)
    yield why is None, why
    why = difference(workdir, place.reference)
    yield why is None, why


@contextlib.contextmanager
def _small_disk(folder, size):
    """Mounts a tmpfs of `size` bytes; yields a function that enlarges it, or None if it cannot be mounted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True)
    if done.returncode:
        yield None
        return
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    finally:
        os.sync()
        subprocess.run(["umount", folder], check=True)
