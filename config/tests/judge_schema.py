"""Holds the schemas of the map against the shipped maps, the examples of the keys, and wrong maps.

Started by tests/pages.rs with the Python of .venv. The judge is the package
jsonschema, which nobody here wrote. Prints what is wrong; exit 0 only if nothing is.
"""

import json
import pathlib
import sys
import tomllib

import jsonschema

CONFIG = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = {"gateway.toml": "gateway", "profiles": "profile", "devices": "devices"}

# Maps of the corpus whose mistake a schema can see.
WRONG = [
    "unknown-keys", "wrong-types", "missing-keys", "missing-schema", "unknown-words",
    "unit-out-of-range", "not-a-quantity", "bare-numbers", "for-wrong", "for-empty",
    "not-a-range", "half-open-range", "enum-keys", "unknown-order", "unknown-driver",
    "unknown-schema", "single-brackets", "not-a-percentage", "devices-in-gateway-file",
]

wrong = []


def validators():
    for word in FOLDERS.values():
        schema = json.loads((CONFIG / "schema" / f"{word}.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        yield word, jsonschema.Draft7Validator(schema), schema


VALIDATORS, SCHEMAS = {}, {}
for word, validator, schema in validators():
    VALIDATORS[word], SCHEMAS[word] = validator, schema


def errors(name, text):
    word = FOLDERS[pathlib.PurePath(name).parts[0]]
    return list(VALIDATORS[word].iter_errors(tomllib.loads(text)))


def shipped_maps_are_right():
    files = [*CONFIG.glob("profiles/*.toml")]
    for example in sorted((CONFIG / "examples").iterdir()):
        # browsed/ is written by a program and read by no editor.
        files += [*example.glob("gateway.toml"), *example.glob("[dp]*/*.toml")]
    assert len(files) >= 8, files
    for path in files:
        name = "gateway.toml" if path.name == "gateway.toml" else f"{path.parent.name}/{path.name}"
        for error in errors(name, path.read_text()):
            wrong.append(f"{path}: {error.json_path}: {error.message}")


def examples_and_defaults_of_keys_are_right():
    count = 0
    for word, schema in SCHEMAS.items():
        for name, section in schema["definitions"].items():
            for key, of_key in section["properties"].items():
                inner = {**of_key, "definitions": schema["definitions"]}
                judge = jsonschema.Draft7Validator(inner)
                values = of_key["examples"] + ([of_key["default"]] if "default" in of_key else [])
                for value in values:
                    count += 1
                    for error in judge.iter_errors(value):
                        wrong.append(f"{word} {name} {key}: {error.message}")
    assert count > 150, count


def wrong_maps_are_wrong():
    for name in WRONG:
        parts = (CONFIG / "tests" / "errors" / f"{name}.map").read_text().split("\n=== ")[1:]
        found = 0
        for part in parts:
            head, text = part.split("\n", 1)
            if head.split()[0].endswith(".toml"):
                found += len(errors(head.split()[0], text))
        if not found:
            wrong.append(f"{name}.map passes the schema")


shipped_maps_are_right()
examples_and_defaults_of_keys_are_right()
wrong_maps_are_wrong()
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
