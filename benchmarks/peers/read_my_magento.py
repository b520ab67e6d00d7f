"""my-magento reads all orders. Run by its own environment's Python: `read_my_magento.py URL TOKEN PAGE_SIZE`.

It has no paging of its own: without a page size Magento serialises every order in one answer. Prints the number read.
"""

import sys

from magento import Client  # type: ignore[import-not-found,unused-ignore]  # installed in its own environment only

url, token, page_size = sys.argv[1:4]
client = Client(
    url.split("://", 1)[1],
    "reader",
    "",
    local=True,
    token=token,
    login=False,
    user_agent="benchmark",  # without one it asks a web site for the newest browser's
    log_level="ERROR",
    log_requests=False,
)
client.BASE_URL = f"{url}/rest/V1/"  # it drops the port of the domain that it is given
read, page = 0, 1
while True:
    search = client.orders.add_criteria("entity_id", 0, "gt", group=0)
    search.query += f"&searchCriteria[pageSize]={page_size}&searchCriteria[currentPage]={page}"
    found = search.execute()
    rows = found if isinstance(found, list) else [found] if found else []
    read += len(rows)
    if len(rows) < int(page_size):
        break
    page += 1
print(read)
