"""Parameters given as text, such as ``inputs.thermal.scale_k=0.015625``."""

from __future__ import annotations

from collections.abc import Sequence

from mm_robust_seg.config import Config
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.schema import flatten, Value, with_values

_BOOLEANS = {'true': True, 'false': False}


def parse_settings(texts: Sequence[str]) -> dict[str, Value]:
    """Read ``name=value`` texts by the types of the schema; lists are separated by commas.

    Raises:
        ConfigError: if a text has another form or the value is not of the parameter's type.
            Unknown names are kept as text, for ``schema.with_values`` to refuse.
    """
    defaults = {name: value for name, value, _ in flatten(Config())}
    settings: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition('=')
        if not equals:
            raise ConfigError(f'{text!r} is not a setting: expected name=value')
        settings[name.strip()] = _parse(name.strip(), value.strip(), defaults.get(name.strip()))
    return settings


def configure(defaults: dict[str, Value], settings: dict[str, Value]) -> Config:
    """Return a configuration with ``settings``, and with ``defaults`` where they say nothing.

    Raises:
        ConfigError: on an unknown name or a value out of range.
    """
    return with_values(Config(), {**defaults, **settings})


def _parse(name: str, text: str, current: Value | None) -> Value:
    if isinstance(current, list):
        return [part.strip() for part in text.split(',') if part.strip()]
    if isinstance(current, bool):
        if text.lower() not in _BOOLEANS:
            raise ConfigError(f'{name} is {text!r}: expected true or false')
        return _BOOLEANS[text.lower()]
    if isinstance(current, (int, float)):
        try:
            return type(current)(text)
        except ValueError as error:
            kind = 'a whole number' if isinstance(current, int) else 'a number'
            raise ConfigError(f'{name} is {text!r}: expected {kind}') from error
    return text
