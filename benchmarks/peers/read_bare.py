"""A bare keep-alive loop over the same pages: `read_bare.py URL TOKEN PAGE_SIZE CONNECTIONS NEWEST_ID [POSTGRES_URL]`.

Reads and parses every page, nothing else; with a Postgres URL it also copies each order's JSON into a table. Prints the
number of orders read.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import orjson
import psycopg
import requests


def pages(url: str, token: str, page_size: int, first_id: int, end_id: int):  # type: ignore[no-untyped-def]
    """Pages of the orders whose id lies in `[first_id, end_id)`, by id."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    after = first_id - 1
    while True:
        filters = [("entity_id", "gt", after), ("entity_id", "lt", end_id)]
        query = {"searchCriteria[pageSize]": page_size, "searchCriteria[sortOrders][0][field]": "entity_id",
                 "searchCriteria[sortOrders][0][direction]": "ASC"}  # fmt: skip
        for number, (field, condition, value) in enumerate(filters):
            prefix = f"searchCriteria[filter_groups][{number}][filters][0]"
            query |= {f"{prefix}[field]": field, f"{prefix}[condition_type]": condition, f"{prefix}[value]": value}
        answer = session.get(f"{url}/rest/V1/orders?{urlencode(query)}", timeout=60)
        answer.raise_for_status()
        rows = orjson.loads(answer.content)["items"]
        yield rows
        if len(rows) < page_size:
            return
        after = rows[-1]["entity_id"]


def read(url: str, token: str, page_size: int, first_id: int, end_id: int, database: str | None) -> int:
    """Read one range over one connection."""
    found = 0
    if database is None:
        return sum(len(rows) for rows in pages(url, token, page_size, first_id, end_id))
    with psycopg.connect(database) as connection:
        for rows in pages(url, token, page_size, first_id, end_id):
            with connection.cursor() as cursor, cursor.copy("copy bare_order (entity_id, payload) from stdin") as copy:
                for row in rows:
                    copy.write_row((row["entity_id"], orjson.dumps(row).decode()))
            connection.commit()
            found += len(rows)
    return found


def main() -> None:
    """Read all orders over as many connections as asked, a range of ids each."""
    url, token, page_size, connections, newest = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    database = sys.argv[6] if len(sys.argv) > 6 else None
    step = newest // connections + 1
    with ThreadPoolExecutor(connections) as pool:
        ranges = [(number * step, (number + 1) * step) for number in range(connections)]
        print(sum(pool.map(lambda span: read(url, token, page_size, span[0], span[1], database), ranges)))


if __name__ == "__main__":
    main()
