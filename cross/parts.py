"""What the program is made of: every crate that is linked into it, from Cargo itself."""

import json
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Part:
    """A crate at a version."""

    name: str
    version: str
    licence: str
    folder: Path
    checksum: str | None
    source: str | None
    needs: list[str] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        """Whether it lies in this repository."""
        return self.source is None

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:cargo/{self.name}@{self.version}"


def cargo(*arguments: str) -> str:
    """What a command of Cargo prints."""
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def linked(target: str) -> set[tuple[str, str]]:
    """Name and version of what ends up in the program; tools of the build don't."""
    lines = cargo(
        "tree", "--package", "forehearth", "--target", target,
        "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}",
    )  # fmt: skip
    words = (line.split() for line in lines.splitlines() if line.strip())
    return {(name, version.lstrip("v")) for name, version, *_ in words}


def parts(target: str) -> list[Part]:
    """Every part, sorted by name and version; ours included."""
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    wanted = linked(target)
    found = {}
    for package in metadata["packages"]:
        key = (package["name"], package["version"])
        if key in wanted:
            found[package["id"]] = Part(
                name=package["name"],
                version=package["version"],
                licence=(package["license"] or "").replace("/", " OR "),
                folder=Path(package["manifest_path"]).parent,
                checksum=checksums.get(key),
                source=package["source"],
            )
    if len(found) != len(wanted):
        raise SystemExit(f"cargo tree and cargo metadata differ: {len(wanted)} and {len(found)}")
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in found:
            needs = (found[d["pkg"]].purl for d in node["deps"] if d["pkg"] in found)
            found[node["id"]].needs = sorted(set(needs))
    return sorted(found.values(), key=lambda part: (part.name, part.version))


def sqlite_version(parts: list[Part]) -> str:
    """The version of the C library that comes inside a crate."""
    crate = next(part for part in parts if part.name == "libsqlite3-sys")
    header = (crate.folder / "sqlite3" / "sqlite3.h").read_text()
    line = next(line for line in header.splitlines() if line.startswith("#define SQLITE_VERSION "))
    return line.split('"')[1]
