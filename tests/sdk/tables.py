"""Compares the tables of docs/compatibility.md with those that the tests made, or writes them (--update)."""

import pathlib
import sys

BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def main():
    path, made = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text()
    text = path.read_text()
    head, rest = text.split(BEGIN)
    kept, tail = rest.split(END)
    if "--update" in sys.argv:
        path.write_text(head + BEGIN + made + END + tail)
    elif kept != made:
        print(f"{path} does not say what the tests found: run tests/sdk/run --update", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
