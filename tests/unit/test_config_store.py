"""[store]: what is refused, with the key and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import parse
from core.config.effective import settings
from core.config.reading import written
from core.errors import ConfigError
from core.settings import Settings

HEAD = 'project = "shop"\nsource.git = "."\nenvironments.p.servers = [{ name = "w", host = "w", root = "/srv/shop" }]\n'


def read(table: str, **environ: str):
    return parse(f"{HEAD}[store]\n{table}\n", Path("turnout.toml"), Settings(environ=environ))


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ('url = "http://x/y"', "store.url", "must begin with s3://"),
        ('url = "s3://"', "store.url", "not the name of a bucket"),
        ('url = "s3://a b"', "store.url", "not the name of a bucket"),
        ('url = "s3://releases/../other"', "store.url", "not a folder in a bucket"),
        ('url = "s3://key:secret@releases"', "store.url", "must not contain a login"),
        ('url = "file:///srv/../etc"', "store.url", "must not contain"),
        ('url = "file://srv"', "store.url", "whole path"),
        ('url = "s3://releases"\nendpoint = "http://minio.example.com"', "store.endpoint", "http on another machine"),
        ('url = "gs://releases"\nregion = "x"', "store.region", "only for S3"),
        ('url = "s3://releases"\nkey-id = "x"', "store.key-id", 'needs "key"'),
        ('url = "s3://releases"\nexpires = "8000h"', "store.expires", 'must be from "1m"'),
        ('url = "s3://releases"\nsaves = -1', "store.saves", "must be a size"),
        ('region = "x"', "store.url", "is missing"),
    ],
)
def test_bad_input_is_refused_with_key_and_reason(table: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(table)
    assert [(fault.key, said in fault.message) for fault in caught.value.faults if fault.key == key] == [(key, True)]


def test_the_access_key_is_hidden_and_completed_only_where_it_is_used(tmp_path: Path) -> None:
    read('url = "s3://releases"\nkey-id = "${ID}"\nkey = "${KEY}"')  # neither is set: other commands go on
    file = tmp_path / "turnout.toml"
    file.write_text(f'{HEAD}[store]\nurl = "s3://releases"\nkey-id = "AKIAEXAMPLE"\nkey = "very-secret-key"\n')
    project = parse(file.read_text(), file, Settings(environ={}))
    shown = {item.key: item.value for item in settings(project, project.environment("p"), written(file))}
    assert (shown["key"], shown["key-id"], shown["url"]) == ('"***"', '"***"', '"s3://releases"')
    assert "very-secret-key" not in repr(project)
