"""A cohort's own rules of eligibility: functions of a Python module that the cohort file names.

What lives here: importing them. What does not: what a rule may answer (`domain.eligibility`), asking it
(`domain.study_rules`).
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pdcp_dagster.domain.study_rules import OwnRule


class OwnRuleNotFound(Exception):  # noqa: N818 - told like the lack of a file
    """A rule that a cohort file names cannot be had; one line: the rule and why."""


@lru_cache(maxsize=64)
def load_rule(path: str) -> OwnRule:
    """Return the function at `package.module:function`.

    Raises OwnRuleNotFound where the module cannot be imported, or has no such function.
    """
    module_name, _, name = path.partition(":")
    # Without this, a module written since the last import may pass for absent.
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise OwnRuleNotFound(f"{path}: {_where_to_look(error.name)}") from None
        raise OwnRuleNotFound(f"{path}: {_broken(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is other people's code
        raise OwnRuleNotFound(f"{path}: {_broken(error)}") from None
    rule = getattr(module, name, None)
    if not callable(rule):
        raise OwnRuleNotFound(f"{path}: the module has no function {name} ({getattr(module, '__file__', 'built in')})")
    return cast("OwnRule", rule)


def _where_to_look(missing: str) -> str:
    return (
        f"there is no module {missing} where Python looks for modules; install it, or put the folder that holds it "
        "into PYTHONPATH"
    )


def _broken(error: BaseException) -> str:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return f"the module cannot be imported: {told}"
