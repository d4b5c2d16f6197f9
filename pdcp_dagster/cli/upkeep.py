"""`pdcp forget`, `pdcp commission` and `pdcp structure-names`."""

from __future__ import annotations
