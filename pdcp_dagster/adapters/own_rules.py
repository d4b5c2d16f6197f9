"""A cohort's own rules of eligibility: functions of a Python module that the cohort file names.

What lives here: importing them. What does not: what a rule may answer (`domain.eligibility`), asking it
(`domain.study_rules`).
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pdcp_dagster.domain.study_rules import OwnRule

_DIGEST_BYTES = 12
_loaded: dict[str, str] = {}
"""A hash of each rule's source as it was when the rule was loaded, "" where it could not be had."""


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
    own_rule = cast("OwnRule", rule)
    _loaded[path] = _source_now(path, own_rule)
    return own_rule


def rule_source(path: str) -> str:
    """Return a hash of the source of the module that a rule is in, without what that imports in its turn.

    A rule whose source cannot be had is another one each time, for nobody can say that it is the same; so is one that
    was rewritten since this process loaded it: what is asked is the old rule, and what lies on disk the new one.
    """
    now = _source_now(path, load_rule(path))
    return now if now and now == _loaded[path] else uuid.uuid4().hex


def _source_now(path: str, rule: OwnRule) -> str:
    named, its_own = path.partition(":")[0], getattr(inspect.unwrap(rule), "__module__", None)
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    try:
        for module in (named, its_own):
            digest.update(Path(str(getattr(sys.modules.get(str(module)), "__file__", None))).read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()


def _where_to_look(missing: str) -> str:
    return (
        f"there is no module {missing} where Python looks for modules; install it, or put the folder that holds it "
        "into PYTHONPATH"
    )


def _broken(error: BaseException) -> str:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return f"the module cannot be imported: {told}"
