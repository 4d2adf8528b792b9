"""The querysets of a page of a list: the matching rows, and the index that has them in the ordering."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic

from django.contrib.postgres.expressions import ArraySubquery
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from orders.store.documents import Record
from orders.store.list_filters import RANGES, ListedTable
from orders.store.paging import PageRequest, from_position


class EqualsAny(Lookup):
    """The condition that a value is in an array. With IN and a subquery, PostgreSQL might scan the whole table."""

    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return `id = ANY (array)`."""
        value, of_value = self.process_lhs(compiler, connection)
        array, of_array = self.process_rhs(compiler, connection)
        return f"{value} = ANY ({array})", (*of_value, *of_array)


@dataclass(frozen=True, slots=True)
class ListQuery(Generic[Record]):
    """A page of the rows `visible` to a caller; `owner` is set where all matching rows belong to one owner."""

    table: ListedTable[Record]
    visible: QuerySet[Any]
    owner: str | None
    request: PageRequest

    @property
    def is_owned(self) -> bool:
        return self.owner is not None

    @property
    def is_sorted(self) -> bool:
        """Return whether an index has the owner's rows, or without an owner all rows, in the ordering."""
        return not self.is_owned or self.request.column in self.table.owner_orderings

    @property
    def range_filters(self) -> list[str]:
        """Return the filters that bound the ordering."""
        return [name for name in self.request.filters if name in RANGES[self.request.column]]

    @property
    def residual_filters(self) -> list[str]:
        """Return the filters to check on each of the owner's rows within the range."""
        checked = {*self.range_filters, self.table.owner}
        return [name for name in self.request.filters if name not in checked]

    @property
    def page(self) -> QuerySet[Any]:
        """Return the rows of the page and one more, whose existence means that another page follows."""
        rows = self.filtered(self.visible, self.request.filters)
        return from_position(rows, self.request)[: self.request.limit + 1]

    @property
    def owned(self) -> QuerySet[Any]:
        """Return the owner's rows, or all rows without an owner."""
        return self.table.rows.filter(**self.by_owner)

    @property
    def in_range(self) -> QuerySet[Any]:
        """Return the owner's rows within the range, in the ordering."""
        return from_position(self.filtered(self.owned, self.range_filters), self.request)

    @property
    def in_range_by_index(self) -> QuerySet[Any]:
        """Return the same rows, read from the owner's index: no position between them is that of a foreign row."""
        if self.owner is None:
            return self.in_range
        everyone = from_position(self.filtered(self.table.rows, self.range_filters), self.request)
        return by_index(everyone, self.table.owner, self.owner)

    @property
    def by_owner(self) -> dict[str, str]:
        return {} if self.owner is None else {self.table.owner: self.owner}

    def filtered(self, rows: QuerySet[Any], names: Iterable[str]) -> QuerySet[Any]:
        for name in names:
            rows = rows.filter(self.table.conditions[name](self.request.filters[name]))
        return rows

    def first_in_range(self, limit: int) -> QuerySet[Any]:
        """Return the first `limit` rows within the range.

        Where no index has the owner's rows in the ordering, one has all columns of the sort key: then ids are sorted, and
        only the first rows are read.
        """
        rows = self.in_range_by_index
        if self.is_sorted:
            return rows[:limit]
        ids = ArraySubquery(rows.values("id")[:limit])
        return self.table.rows.filter(EqualsAny(F("id"), ids))[:limit]


def by_index(rows: QuerySet[Any], column: str, value: Any) -> QuerySet[Any]:
    """Return the sorted `rows` with this value, in an order that only the index on this column has, so that it is used.

    PostgreSQL might estimate that another index is cheaper, and scan the whole table where the estimate is wrong.
    """
    by, *then = map(str, rows.query.order_by)
    sign = "" if by.startswith("-") else "-"
    return rows.filter(**{f"{column}__gte": value, f"{column}__lte": value}).order_by(f"{sign}{column}", by, *then)
