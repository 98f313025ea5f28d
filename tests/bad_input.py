"""What a command line may be given that is wrong, and the words its one sentence must hold. Tables only: `test_cli.py` runs them."""

from __future__ import annotations

import json
from typing import Any

MAX_SEED = 2**63 - 1  # what a random generator takes

SUPPORT = [
    {"text": "I lost my card", "label": "card"},
    {"text": "my card was stolen", "label": "card"},
    {"text": "send money to my sister", "label": "transfer"},
    {"text": "wire 50 to Tom", "label": "transfer"},
]
CSV = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in SUPPORT)
QUICK = ("--algorithms", "protonet")


def csv_of(*rows: str) -> str:
    return "\n".join(["text,label", *rows])


def values_of(*rows: str) -> str:
    return "\n".join(["text,value", *rows])


def task_of(*rows: dict[str, Any], **more: Any) -> str:
    return json.dumps({"support": rows, **more})


BAD_FILES = {
    "one class": ("a.csv", csv_of("x,a", "y,a"), "Only one class, “a”"),
    "a class without examples": ("a.csv", csv_of("x,a", "y,b", ",c"), "“c” has no example"),
    "the same in a task": ("a.json", task_of(*SUPPORT, {"text": " ", "label": "c"}), "“c” has no example"),
    "one name in two spellings": ("a.csv", csv_of("x,Refund", "y,refund"), "differ only in capital letters"),
    "one sentence, two labels": ("a.csv", csv_of("x,a", "X,b"), "two labels, “a” and “b”"),
    "nothing to learn from": ("a.json", task_of(), "no examples yet"),
    "blank rows only": ("a.csv", csv_of(",", " , "), "no rows of examples"),
    "an empty file": ("a.csv", "", "“a.csv” is empty"),
    "an empty task": ("a.json", " \n", "“a.json” is empty"),
    "a picture by another name": ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(20), "really a PNG file"),
    "a binary file": ("a.csv", bytes(range(256)), "is not text"),
    "UTF-16": ("a.csv", CSV.encode("utf-16"), "save it as UTF-8"),
    "UTF-16 without its mark": ("a.jsonl", json.dumps(SUPPORT[0]).encode("utf-16-le"), "save it as UTF-8"),
    "Latin-1": ("a.csv", csv_of("café,a", "y,b").encode("latin-1"), "not UTF-8 text at line 2"),
    "other columns": ("a.csv", "sentence,class\nx,a\n", "no column “text”"),
    "no label column": ("a.csv", "text\nx\n", "no column “label”"),
    "a row without a label, which is a query": ("a.csv", csv_of("x,a", "y,"), "Only one class, “a”"),
    "a label and a value": ("a.csv", "text,label,value\nx,a,1\n", "both a label and a value"),
    "labels and values": ("a.csv", "text,label,value\nx,a,\ny,,2\n", "with a label (“a”) and examples with a value (2"),
    "a label and a value in a task": (
        "a.json",
        task_of({"text": "x", "label": "a", "value": 1}),
        "“label” and “value”",
    ),
    "labels and values in a task": ("a.json", task_of(*SUPPORT, {"text": "x", "value": 1}), "examples with a value (1"),
    "a word for a value": ("a.csv", values_of("x,1", "y,two"), "Row 3 of the file “a.csv” has “two” for a value"),
    "a word for a value in a task": ("a.json", task_of({"text": "x", "value": "3,5"}), 'support[0].value is "3,5"'),
    "an infinite value": ("a.csv", values_of("x,1", "y,inf"), "the value “inf”, which is not a finite number"),
    "a value beyond all numbers": ("a.csv", values_of("x,1", "y,1e400"), "the value “1e400”, which is not a finite"),
    "an infinite value in a task": ("a.json", '{"support": [{"text": "x", "value": 1e400}]}', "a finite number"),
    "a value too large to square": ("a.csv", values_of("x,1", "y,1e200"), "at most 1e100"),
    "a decimal comma and a point": ("a.csv", values_of('x,"3,5"', "y,1.200"), "“3,5”, which can be read in two ways"),
    "a point before three digits": ("a.csv", values_of("x,1.200", "y,3"), "“1.200”, which can be read in two ways"),
    "a comma before three digits": ("a.csv", values_of('x,"1,200"', "y,3"), "“1,200”, which can be read in two ways"),
    "no value at all": ("a.csv", values_of("x,", "y,"), "no examples with a value yet"),
    "an example without a value": (
        "a.json",
        task_of({"text": "x", "value": 1}, {"text": "y"}),
        "support[1].value is missing",
    ),
    "one value": ("a.csv", values_of("x,1", "y,"), "Only one example, “x”, has a value"),
    "equal values": ("a.csv", values_of("x,7", "y,7"), "All 2 examples have the value 7"),
    "a value without a text": ("a.csv", values_of("x,7", ",8"), "An example with the value 8 is blank"),
    "a row of three cells": ("a.csv", csv_of("x,a", "y,z,b"), "different number of cells"),
    "no support": ("a.json", "{}", "support is missing"),
    "a misspelt field": (
        "a.json",
        task_of({"txt": "x", "label": "a"}),
        "support[0].txt that is not known: did you mean “text”",
    ),
    "a number for a text": ("a.json", task_of({"text": 1, "label": "a"}), "support[0].text is 1"),
    "an object for a list": ("a.json", '{"support": {"a": ["x"]}}', "support is"),
    "a list for a task": ("a.json", "[]", "task is []"),
    "a picture that is not there": ("a.json", task_of({"image": "x.png", "label": "a"}), "x.png"),
    "a picture and a text": ("a.json", task_of({"image": "x.png", "text": "x", "label": "a"}), "“text” and “image”"),
    "a picture in a table that is not there": ("a.csv", "image,label\nx.png,a\n", "x.png”: check the path"),
    "a picture and a text in a row": ("a.csv", "image,text,label\nx.png,y,a\n", "both a text and an image"),
    "a query of no class": ("a.json", task_of(*SUPPORT, query=[{"text": "x", "label": "z"}]), "labelled “z”"),
    "a blank query": ("a.json", task_of(*SUPPORT, query=[{"text": ""}]), "query[0] is blank"),
    "broken JSON": ("a.json", '{"support": [', "not valid JSON at line 1"),
    "an unknown kind": ("a.txt", CSV, "one of .json .csv"),
    "51 classes": ("a.csv", csv_of(*(f"x{i},c{i}" for i in range(51))), "51 classes, and 50"),
}

BAD_ARGUMENTS = {
    "an unknown algorithm": ("--algorithms maml,magic", "no algorithm “magic”: use one of anil"),
    "no algorithm": ("--algorithms ,", "pick at least one"),
    "a model folder that is not there": ("--model /no/such/folder", "There is no model “/no/such/folder”"),
    "a folder without a model": ("--model .", "no config.json"),
    "no checkpoint there": ("--checkpoint /no/such/folder", "/no/such/folder holds no readable card.json"),
    "a folder for --json": (f"{' '.join(QUICK)} --json .", "Is a directory"),
    "no folder for --json": (f"{' '.join(QUICK)} --json /no/such/out.json", "/no/such/out.json could not be written"),
    "a full disk for --json": (f"{' '.join(QUICK)} --json /dev/full", "No space left"),
    "a negative seed": ("--seed -1", f"from 0 to {MAX_SEED}"),
    "a seed beyond 63 bits": (f"--seed {MAX_SEED + 1}", f"The seed is {MAX_SEED + 1}"),
    "a seed that is no number": ("--seed many", "--seed cannot be “many”"),
    "a knob out of range": ("--maml.inner-steps 51", "“inner_steps” is 51"),
    "a knob that is no number": ("--maml.inner-lr fast", "--maml.inner-lr cannot be “fast”"),
    "a NaN for a knob": ("--maml.inner-lr nan", "“inner_lr” is nan"),
    "a choice that there is not": (
        "--maml.scope everything",
        "one of all, attention, bias, head, ia3, last_n, lora, model, norm, prefix, prompt",
    ),
    "a misspelt flag": ("--modle minilm", "did you mean --model"),
    "an unknown flag": ("--zzz", "--zzz"),
    "a flag without its value": ("--seed", "Missing value for argument '--seed'"),
    "two tasks": ("other.json", "other.json"),
}
