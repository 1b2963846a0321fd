"""The types of values in turnout.toml.

A type is a Python type with what else is known of the value: its `Check`, and in `Meta` what a JSON Schema can say.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from core.config import values
from core.config.readers import Check, Reads

Name = Annotated[str, Check(values.name), Meta(pattern=f"^{values.NAME.pattern}$")]
Text = Annotated[str, Check(values.text), Meta(min_length=1)]
Command = Annotated[str, Check(values.command), Meta(min_length=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Duration = Annotated[float, Reads(values.duration), Meta(extra_json_schema={"type": ["number", "string"]})]
Timeout = Annotated[float, Reads(values.timeout), Meta(extra_json_schema={"type": ["number", "string"]})]
Size = Annotated[values.Bytes, Reads(values.size), Meta(extra_json_schema={"type": ["integer", "string"]})]
Hold = Annotated[bool | float, Reads(values.hold), Meta(extra_json_schema={"type": ["boolean", "number", "string"]})]
