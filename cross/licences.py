"""Prints the licence texts of everything that is linked into the program for TARGET.

Crates that share a text share an entry. A crate without a file of its own is
listed with the expression of its manifest.
"""

import sys
from collections import defaultdict

from parts import Part, parts

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT")


def texts(part: Part) -> list[str]:
    """The licence files a crate comes with."""
    files = (path for path in part.folder.iterdir() if path.is_file())
    files = sorted(path for path in files if path.name.upper().startswith(NAMES))
    return [path.read_text(errors="replace").strip() for path in files]


def collected(target: str) -> str:
    """The whole file."""
    users = defaultdict(list)
    bare = []
    for part in parts(target):
        if part.ours:
            continue
        name = f"{part.name} {part.version} ({part.licence})"
        found = texts(part)
        if not found:
            bare.append(name)
        for text in found:
            users[text].append(name)
    pages = ["Forehearth contains the following works of others, under these licences."]
    for text, names in sorted(users.items(), key=lambda entry: entry[1]):
        pages.append("=" * 78 + "\n" + "\n".join(names) + "\n" + "-" * 78 + "\n" + text)
    pages.append("=" * 78 + "\nWithout a licence file of their own:\n" + "\n".join(bare))
    pages.append("SQLite is in the public domain. The standard library of Rust: MIT OR Apache-2.0.")
    return "\n\n".join(pages)


if __name__ == "__main__":
    print(collected(sys.argv[1]))
