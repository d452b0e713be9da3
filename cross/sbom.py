"""Prints a CycloneDX 1.5 SBOM of the program for TARGET: sbom.py TARGET VERSION RUST_VERSION EPOCH.

The same commit gives the same bytes: the serial number is made from the content
and the time is the commit's.
"""

import datetime
import json
import sys
import uuid

from parts import Part, parts, sqlite_version


def component(part: Part) -> dict:
    """One crate."""
    entry = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
        "licenses": [{"expression": part.licence}] if part.licence else [],
    }
    if part.checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": part.checksum}]
    return entry


def c_library(name: str, version: str, licence: str, inside: str) -> dict:
    """A library of C that comes inside a crate."""
    purl = f"pkg:generic/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": licence}],
        "description": f"compiled in by {inside}",
    }


def sbom(target: str, version: str, rust: str, epoch: int) -> dict:
    """The whole document."""
    all_parts = parts(target)
    program = next(part for part in all_parts if part.name == "forehearth")
    libraries = [part for part in all_parts if part is not program]
    components = [component(part) for part in libraries]
    components.append(c_library("sqlite", sqlite_version(all_parts), {"id": "blessing"}, "libsqlite3-sys"))
    components.append(c_library("rust-std", rust, {"name": "MIT OR Apache-2.0"}, "the compiler"))
    body = {
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(epoch, datetime.UTC).isoformat(),
            "component": {
                "type": "application",
                "bom-ref": program.purl,
                "name": "forehearth",
                "version": version,
                "purl": program.purl,
                "licenses": [{"expression": program.licence}],
                "properties": [{"name": "forehearth:target", "value": target}],
            },
        },
        "components": components,
        "dependencies": [{"ref": part.purl, "dependsOn": part.needs} for part in all_parts],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return head | body


if __name__ == "__main__":
    target, version, rust, epoch = sys.argv[1:]
    print(json.dumps(sbom(target, version, rust, int(epoch)), indent=1))
