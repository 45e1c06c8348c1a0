"""Orders of systems to projects and incidents as JSON Schemas and as AsyncAPI channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policies.vocabulary import ACT_TITLES
from yichuang.orders import LIFE_ORDERS, VERSION, LifeData

WHOSE: Mapping[str, str] = MappingProxyType(
    {
        "project": "由实施机构或者运营方的系统报（角色 service_project）",
        "incident": "由处置单位的系统报，限派给本单位的（角色 service_unit）",
    }
)


def name_of(thing: str, verb: str) -> str:
    """Return how the message and its schema are called."""
    return f"{thing}.{verb}.v{VERSION}"


def schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and schema of the data of each order."""
    for thing, bodies in LIFE_ORDERS.items():
        for verb, body in bodies.items():
            data, inner = LifeData.model_json_schema(), body.model_json_schema()
            definitions = {**data.pop("$defs", {}), **inner.pop("$defs", {})}
            if thing == "incident":
                # Without one it would be the command centre's.
                inner["properties"]["department"] = {"type": "string", "minLength": 1}
                inner["required"] = sorted({*inner.get("required", ()), "department"})
            data["properties"]["body"] = inner
            data["required"] = ["body"]
            data["oneOf"] = [
                {"required": [named], "properties": {named: {"minLength": 1}}}
                for named in ("number", "id")
            ]
            if definitions:
                data["$defs"] = definitions
            yield name_of(thing, verb), data


def channels(
    parameters: Callable[..., dict[str, Any]], message: Callable[[str, str, str], dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and channel of each order."""
    for thing, bodies in LIFE_ORDERS.items():
        for verb in bodies:
            title, name = ACT_TITLES[verb], name_of(thing, verb)
            yield (
                f"order_{thing}_{verb}",
                {
                    "address": f"cmd.{{city}}.{{department}}.{{user}}.{thing}.{verb}",
                    "description": f"{title}：{WHOSE[thing]}",
                    "parameters": parameters("city", "department", "user"),
                    "messages": {verb: message(f"{thing}.{verb}", title, f"{name}.json")},
                    "x-jetstream": {
                        "stream": "CMD",
                        "retention": "workqueue",
                        "consumer": "gateway",
                    },
                },
            )
