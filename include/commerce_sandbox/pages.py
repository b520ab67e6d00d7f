"""The answers that are not JSON: maintenance, database and PHP down, the web server's own pages, the shop itself."""

from __future__ import annotations

from commerce_sandbox.http_types import HTML_TYPE, TEXT_TYPE, Answer

_SERVER = "nginx/1.22.1"


def _server_page(title: str, *, crlf: bool = True) -> str:
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        "<body>",
        f"<center><h1>{title}</h1></center>",
        f"<hr><center>{_SERVER}</center>",
        "</body>",
        "</html>",
        "",
    )
    return ("\r\n" if crlf else "\n").join(lines)


URL_TOO_LONG = Answer(414, _server_page("414 Request-URI Too Large"), HTML_TYPE, {"connection": "close"})
PHP_DOWN = Answer(502, _server_page("502 Bad Gateway"), HTML_TYPE)
GATEWAY_TIMEOUT = Answer(504, _server_page("504 Gateway Time-out"), HTML_TYPE)
METHOD_NOT_ALLOWED = Answer(405, '{"message":"Request method is invalid."}')
WRONG_TYPES = Answer(500, "An error has happened during application run. See exception log for details.\n", TEXT_TYPE)
DATABASE_DOWN = Answer(
    500,
    "<!doctype html>\n"
    '<html xmlns="http://www.w3.org/1999/xhtml" >\n'
    "<head>\n"
    "    <title>There has been an error processing your request</title>\n"
    '    <base href="An error has happened during application run. See exception log for details.\n',
    TEXT_TYPE,
)
MAINTENANCE = Answer(
    503,
    """<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" >
<head>
    <title>Error 503: Service Unavailable</title>
    <base href="http&#x3A;&#x2F;&#x2F;127.0.0.1&#x2F;errors&#x2F;default&#x2F;" />
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
    <meta name="robots" content="*"/>
    <link rel="stylesheet" href="css/styles.css" type="text/css" />
    <link rel="icon" href="images/favicon.ico" type="image/x-icon" />
    <link rel="shortcut icon" href="images/favicon.ico" type="image/x-icon" />
</head>
<body>
    <main class="page-main">
        
<h1>Service Temporarily Unavailable</h1>
<p>
    The server is temporarily unable to service your request due to maintenance downtime or capacity problems.
    Please try again later.
</p>
    </main>
</body>
</html>
""",  # noqa: W293  (as the server sends it)
    HTML_TYPE,
)


def storefront(path: str) -> Answer:
    """What a browser would see: the admin's sign-in page below `/admin`, else the shop's 404 page.

    A client whose base URL points at the wrong place gets this instead of JSON.
    """
    if path.strip("/").split("/")[0].startswith("admin"):
        return Answer(200, _page("Magento Admin", "<h1>Welcome, please sign in</h1>"), HTML_TYPE)
    if path.strip("/") == "":
        return Answer(200, _page("Home page", "<h1>Home Page</h1>"), HTML_TYPE)
    return Answer(404, _page("404 Not Found", "<h1>Whoops, our bad...</h1>"), HTML_TYPE)


def _page(title: str, body: str) -> str:
    return f'<!doctype html>\n<html lang="en">\n<head><title>{title}</title></head>\n<body>\n{body}\n</body>\n</html>\n'
