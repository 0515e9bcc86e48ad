#!/usr/bin/python3
"""Builds a crate with all its mutants switched: build.py CRATE MUTANTS.json SWITCHED OUT.

Copies CRATE to OUT, lets SWITCHED put every mutant behind a branch, and leaves out those whose branch does not compile,
until the rest does. OUT/not-rust has the numbers of the mutants of which the compiler says that their types have no such
value or operator, OUT/left the numbers of the others without a branch. The test program's path is printed."""

import json
import os
import re
import shutil
import subprocess
import sys

crate, listed, tool, out = sys.argv[1:]
NUMBER = re.compile(r"switched\((\d+)u32\)")
known = os.path.join(out, "omit")
omit = set(map(int, open(known))) if os.path.exists(known) else set()
mutants = json.load(open(listed))
wrong = os.path.join(out, "not-rust")
not_rust = set(map(int, open(wrong))) if os.path.exists(wrong) else set()
ARITHMETIC = re.compile(r"replace [-+*/%] with [-+*/%]( |$)")


def is_of_types(number, code):
    """Whether an error of this code in the branch of a mutant is one of the mutant itself: its type has no such value, or
    its types no such operator. A branch that returns one of several iterators would be an error of the branch alone."""
    name, genre = mutants[number]["name"], mutants[number]["genre"]
    if genre == "FnValue":
        return code in ("E0277", "E0308") and "impl Iterator" not in name
    return genre == "BinaryOperator" and ARITHMETIC.search(name) is not None and code in ("E0277", "E0369")


def numbers_of(error):
    """The branches that an error is about: on its lines, just above them, or else in its function. An arm that is missing
    is only about arms."""
    found = set()
    code = (error.get("code") or {}).get("code")
    for span in error["spans"]:
        if not span["is_primary"] or not span["file_name"].startswith("src/"):
            continue
        lines = open(os.path.join(out, span["file_name"])).read().split("\n")
        first, last = span["line_start"] - 1, span["line_end"] - 1
        here = NUMBER.findall("\n".join(lines[first : last + 1]))
        here = here or NUMBER.findall("\n".join(lines[max(first - 2, 0) : first + 1]))[-1:]
        if not here:
            starts = [n for n in range(first, -1, -1) if re.match(r"\s*(pub(\(.*?\))? )?(const )?fn ", lines[n])]
            ends = [n for n in range(last + 1, len(lines)) if re.match(r"\s*(pub(\(.*?\))? )?(const )?fn ", lines[n])]
            here = NUMBER.findall("\n".join(lines[(starts or [0])[0] : (ends or [len(lines)])[0]]))
            arms = [number for number in here if mutants[int(number)]["genre"] == "MatchArm"]
            here = arms if code == "E0004" and arms else here
        elif len(set(here)) == 1 and is_of_types(int(here[0]), code):
            not_rust.add(int(here[0]))
        found.update(map(int, here))
    return found


def cargo(*words):
    done = subprocess.run([os.environ.get("CARGO", "cargo"), *words, "--message-format", "json"], cwd=out, capture_output=True, text=True)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done, said


while True:
    shutil.rmtree(os.path.join(out, "src"), ignore_errors=True)
    shutil.copytree(crate, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"))
    with open(known, "w") as file:
        file.writelines(f"{number}\n" for number in sorted(omit))
    left = subprocess.run([tool, out, listed, known], check=True, capture_output=True, text=True).stdout
    done, said = cargo("check", "--tests")
    errors = [line["message"] for line in said if line.get("reason") == "compiler-message" and line["message"]["level"] == "error"]
    if done.returncode == 0:
        break
    new = set().union(*map(numbers_of, errors)) - omit if errors else set()
    if not new:
        sys.exit("\n".join(error.get("rendered") or "" for error in errors) + done.stderr[-3000:])
    print(f"{len(new)} branches do not compile", file=sys.stderr)
    omit |= new
with open(wrong, "w") as file:
    file.writelines(f"{number}\n" for number in sorted(not_rust))
with open(os.path.join(out, "left"), "w") as file:
    file.writelines(f"{number}\n" for number in left.split() if int(number) not in not_rust)
done, said = cargo("test", "--no-run")
if done.returncode != 0:
    sys.exit(done.stderr[-3000:])
print([line["executable"] for line in said if line.get("executable")][0])
