"""Credentials inside files; examples, public halves and notebooks without outputs must not trigger."""

from __future__ import annotations

import base64
import json

import pytest

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution

RANDOM = "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cD1fG3hJ5"
PYPI = "pypi-" + base64.urlsafe_b64encode(b"\x02\x01\x08pypi.org\x02\x24" + RANDOM.encode() * 2).decode()
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 3
# Put together here, so that no scanner of this repository takes them for keys.
BEGIN = "-----BEGIN " + "PRIVATE KEY-----\n"


def found(distribution):
    return [
        each
        for each in check_distribution(open_distribution(distribution))
        if each.slug in {"credential-shipped", "looks-like-secret"}
    ]


def codes_of(distribution):
    return [each.code for each in found(distribution)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token = '{PYPI}'", ["PA225"]),
        ("token = 'pypi-AgEIcHlwaS5vcmc...'", []),
        (f"token = 'pypi-AgE{'x' * 80}'", []),
        (f"GITHUB = 'ghp_{RANDOM}'", ["PA225"]),
        (f"GITHUB = 'ghp_{'x' * 36}'", []),
        ("re.compile('ghp_[A-Za-z0-9]{36}')", []),
        (f"prefix_ghp_{RANDOM}and_more", []),
        (f"glpat-{RANDOM[:20]}", ["PA225"]),
        ("AKIA" + "Q3EGRIZ7PLM5VNTW", ["PA226"]),
        ("AKIAIOSFODNN7EXAMPLE", []),
        ("dapi" + "0123456789abcdef" * 2, ["PA226"]),
        ("dapi" + "0" * 32, []),
        (f"AccountKey={(RANDOM * 3)[:86]}==", ["PA226"]),
        (BEGIN + BODY, ["PA225"]),
        (json.dumps({"private_key": BEGIN + BODY}), ["PA225"]),
        (BEGIN.replace("PRIVATE", "PUBLIC") + BODY, []),
        (f"if text.startswith('{BEGIN.strip()}'):", []),
    ],
)
def test_tokens_and_keys_are_found_and_examples_are_not(make_wheel, text, expected):
    assert codes_of(make_wheel(files={"demo/__init__.py": text.encode()})) == expected


def test_a_finding_says_where_and_what_and_never_shows_it(make_sdist):
    finding = found(make_sdist(files={"conf/settings.py": f"\n\nx = 'ghp_{RANDOM}'".encode()}))[0]
    assert finding.message == "demo-1.0/conf/settings.py:3 holds a GitHub token"
    assert RANDOM not in finding.message + finding.hint + finding.where


def test_a_kind_is_told_once_for_a_file(make_wheel):
    text = f"ghp_{RANDOM}\nghp_{RANDOM[::-1]}\n".encode()
    assert codes_of(make_wheel(files={"demo/__init__.py": text})) == ["PA225"]


def test_long_files_are_not_read(make_wheel):
    assert codes_of(make_wheel(files={"demo/data.bin": b"\0" * (1 << 20) + PYPI.encode()})) == []


def notebook(*, source="", outputs=()):
    return json.dumps(
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": [source], "outputs": outputs}]}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (notebook(outputs=[{"text": ["password = hunter2Sw0rd!\n"]}]), ["PA226"]),
        (notebook(outputs=[{"data": {"text/plain": f"'ghp_{RANDOM}'"}}]), ["PA225"]),
        (notebook(outputs=[{"traceback": ["KeyError: api_key='k3yw1thd1g1ts'"]}]), ["PA226"]),
        (notebook(source=f"token = 'ghp_{RANDOM}'"), ["PA225"]),
        (notebook(source="password = getpass()"), []),
        (notebook(source="password = 'hunter2Sw0rd!'"), []),
        (notebook(outputs=[{"text": ["tokens: 1234567890\n"]}]), []),
        (notebook(outputs=[{"text": ["token: None, secret: ********\n"]}]), []),
        (notebook(outputs=[{"data": {"image/png": f"ghp_{RANDOM}"}}]), []),
        (notebook(), []),
        ("{ not json", []),
        (f"{{ not json ghp_{RANDOM}", ["PA225"]),
        ('{"cells": [1, {"outputs": 3}, {"outputs": [1, {"data": 2}]}]}', []),
    ],
)
def test_the_outputs_of_notebooks_are_looked_at(make_wheel, text, expected):
    assert codes_of(make_wheel(files={"demo/__init__.py": b"", "demo/a.ipynb": text.encode()})) == expected


def test_a_notebook_finding_names_the_cell_and_how_to_clear_it(make_wheel):
    text = notebook(outputs=[{"text": [f"ghp_{RANDOM}"]}])
    finding = found(make_wheel(files={"demo/a.ipynb": text.encode()}))[0]
    assert finding.message == "the output of cell 1 of demo/a.ipynb holds a GitHub token"
    assert "--clear-output --inplace a.ipynb" in finding.hint
