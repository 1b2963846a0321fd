"""The types of values in turnout.toml: each is checked by its function of `values`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PlainValidator, Strict

from core.config import values

Name = Annotated[str, AfterValidator(values.name)]
Text = Annotated[str, AfterValidator(values.text)]
Command = Annotated[str, AfterValidator(values.command)]
Whole = Annotated[int, Strict()]
Duration = Annotated[float, PlainValidator(values.duration)]
Timeout = Annotated[float, PlainValidator(values.timeout)]
Url = Annotated[str, AfterValidator(values.url)]
