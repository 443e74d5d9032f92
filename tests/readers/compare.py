"""Whether two readers saw the same: compare.py WANTED.json SEEN.json; says what differs. One that saw no
attributes at all, and says so, is held to the arrays alone.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import sys


def differences(wanted, seen):
    """One line for each."""
    for name, (sizes, total) in wanted["arrays"].items():
        got = seen["arrays"].get(name, [None, 0.0])
        if got[0] != sizes or not abs(got[1] - total) <= 1e-6 * max(1.0, abs(total)):
            yield f"{name}: {got}, must be {[sizes, total]}"
    if not seen["attributes"] and seen["count"] == 0:
        return
    for name, value in wanted["attributes"].items():
        got = seen["attributes"].get(name)
        if got != value:
            yield f"{name}: {got!r:.100}, must be {value!r:.100}"
    if seen["count"] != wanted["count"]:
        yield f"{seen['count']} attributes at the root, must be {wanted['count']}"


with open(sys.argv[1], encoding="utf-8") as first, open(sys.argv[2], encoding="utf-8") as second:
    found = list(differences(json.load(first), json.load(second)))
print("\n".join(found))
sys.exit(bool(found))
