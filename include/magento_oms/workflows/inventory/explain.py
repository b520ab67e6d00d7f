"""Why a store offers what it offers of a SKU: the sum line by line, and what Magento has and says now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from magento_oms.config.models import InstanceConfig
from magento_oms.domain.available import ZERO, SourceFacts
from magento_oms.ports import NotFound, OutsideError
from magento_oms.ports.inventory import MagentoInventory, StockLayout
from magento_oms.storage import stock_told
from magento_oms.storage.database import autocommit
from magento_oms.storage.stock_told import ToldFigure
from magento_oms.workflows.inventory.figures import Figure, figures
from magento_oms.workflows.inventory.pools import Pool, pools_of


@dataclass(frozen=True, slots=True)
class Said:
    """One line: words, a figure where there is one, and a remark."""

    text: str
    figure: Decimal | None = None
    note: str = ""


@dataclass(slots=True)
class Explanation:
    """The sum of one pool of stores."""

    title: str
    lines: list[Said] = field(default_factory=list)

    def say(self, text: str, figure: Decimal | None = None, note: str = "") -> None:
        """Add a line."""
        self.lines.append(Said(text, figure, note))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "title": self.title,
            "lines": [{"text": line.text, "figure": line.figure, "note": line.note} for line in self.lines],
        }


def explain(
    url: str, config: InstanceConfig, sku: str, magento: MagentoInventory | None, *, store_id: int | None = None
) -> list[Explanation]:
    """The explanation of each pool that sells the SKU's stock.

    Args:
        magento: asked for what it has; None: it is not asked.
        store_id: only the pool of this store view.
    """
    pools = [pool for pool in pools_of(config) if store_id is None or store_id in pool.store_ids]
    if not pools:
        nothing = Explanation(f"{sku} at {config.code}")
        nothing.say("No location is configured: what it sells is shipped, and told, elsewhere.")
        return [nothing]
    layout = _asked(magento.stock_layout) if magento else None
    found = []
    for pool in pools:
        part = Explanation(f"{sku} at {config.code}: {', '.join(store.code for store in pool.stores)}")
        found.append(part)
        with autocommit(url) as connection:
            figure = figures(connection, pool, [sku]).get(sku)
            told = {each.source: each for each in stock_told.told(connection, config.code, [sku])}
        if figure is None:
            part.say("No location of these stores has told of it: nothing is told to Magento.")
        else:
            _sum(part, figure)
            _telling(part, figure, told)
        if magento is not None:
            _magento(part, pool, sku, magento, layout)
    return found


def _sum(part: Explanation, figure: Figure) -> None:
    many = len(figure.sources) > 1
    for source in figure.sources:
        for line in _source(source, many=many):
            part.lines.append(line)
    if figure.off.promised:
        part.say("less orders of other stores that nothing is reserved for yet", -figure.off.promised)
    if figure.off.buffer:
        part.say("less safety buffer", -figure.off.buffer)
    part.say("= available to sell", figure.available.to_sell)
    for kept in figure.kept:
        part.say(f"Magento still keeps units for order {kept.order}", kept.units, f"reserved at {kept.location}")
    if not figure.pool.keeps_reservations:
        part.say("Magento keeps no reservations (stock.mode none): nothing is added")
    if figure.off.min_qty:
        part.say("Magento takes its out-of-stock threshold off by itself", figure.off.min_qty)
    for each in figure.available.figures:
        part.say(f"= to tell the source {each.source}", each.quantity)


def _source(source: SourceFacts, *, many: bool) -> Iterator[Said]:
    behind = f" (source {source.source})" if many else ""
    for shelf in source.shelves:
        yield Said(f"on the shelf at {shelf.location}{behind}", shelf.quantity)
        if shelf.reserved:
            yield Said(f"less reserved for open fulfilments at {shelf.location}", -shelf.reserved)
        if kept_back := shelf.quantity - shelf.reserved - shelf.free:
            yield Said(f"less kept back at {shelf.location}", -kept_back)


def _telling(part: Explanation, figure: Figure, told: dict[str, ToldFigure]) -> None:
    if why := figure.pool.why_not_told:
        part.say(f"Nothing is told: {why}.")
        return
    for source in figure.pool.sources:
        known = told.get(source)
        if known is None or known.told_at is None:
            part.say(f"The source {source} was never told", note=known.problem if known else "")
            continue
        due = " It is due to be told again." if known.due_at is not None and known.due_at <= datetime.now(UTC) else ""
        at = f"{known.told_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        part.say(f"told to the source {source}", known.told, f"at {at}.{due} {known.problem}".strip())


def _magento(
    part: Explanation, pool: Pool, sku: str, magento: MagentoInventory, layout: StockLayout | OutsideError | None
) -> None:
    if isinstance(layout, OutsideError):
        part.say(f"Magento could not be asked: {layout}")
        return
    try:
        if layout is None:
            part.say("Magento has (stock item)", magento.stock_item_quantity(sku))
            return
        now = magento.source_quantities([(sku, source) for source in pool.sources])
        for source in pool.sources:
            part.say(
                f"Magento has at the source {source}", now.get((sku, source)), "" if (sku, source) in now else "no row"
            )
        has = sum(now.values(), ZERO)
        for stock in sorted({layout.stock_of[store] for store in pool.store_ids if store in layout.stock_of}):
            salable = magento.salable_quantity(sku, stock)
            part.say(f"Magento would sell (stock {stock})", salable)
            if salable > 0:
                part.say("so it keeps for open orders, less what its threshold takes off", has - salable)
    except NotFound as error:
        part.say(f"Magento does not know it: {error.what}")
    except OutsideError as error:
        part.say(f"Magento could not be asked: {error}")


def _asked(ask: Callable[[], StockLayout | None]) -> StockLayout | OutsideError | None:
    try:
        return ask()
    except OutsideError as error:
        return error
