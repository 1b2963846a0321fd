"""The files of the sample application, a small shop for fabrics, as they were at each point of its history (pure)."""

from __future__ import annotations

import random
import struct
import zlib

FABRICS = ("linen", "loden", "denim", "tweed", "velvet", "cotton")
WINTER = ("alpaca", "boucle", "cashmere", "corduroy", "felt", "flannel", "fleece", "jersey", "merino", "mohair")
PRICES = {name: 14 + 3 * number for number, name in enumerate((*FABRICS, *WINTER))}

ATTRIBUTES = """\
REVISION export-subst
README.md export-ignore
"""
REVISION = "$Format:%H$\n"
README = """\
# Loom & Thread

A shop for fabrics, as plain files. `turnout deploy production` puts it on the servers.
REVISION says which commit is being served; so does /healthz, if every script that the front page needs is there.
"""
COMPRESS = """\
#!/bin/sh
# Visitors whose browsers take gzip get these; made on the server, in the new release, before it is live.
for page in index.html css/*.css js/*.js; do
    [ -f "$page" ] || continue
    gzip -9 -n -c "$page" > "$page.gz"
    echo "compressed $page: $(wc -c < "$page" | tr -d ' ') to $(wc -c < "$page.gz" | tr -d ' ') bytes"
done
"""
ROBOTS = "User-agent: *\nAllow: /\nSitemap: /sitemap.xml\n"
STYLE = """\
:root { --ink: #23303b; --thread: #b4552d; --cloth: #f6f1e7; }
body { margin: 2rem auto; max-width: 60rem; color: var(--ink); background: var(--cloth); }
body { font: 1.05rem/1.5 Georgia, serif; }
header { border-bottom: 3px double var(--thread); }
ul.fabrics { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1rem; padding: 0; list-style: none; }
ul.fabrics img { width: 100%; image-rendering: pixelated; }
"""
PRINT = "header, #cart { display: none }\nbody { background: none }\n"
CART = """\
"use strict";
const cart = JSON.parse(localStorage.getItem("cart") || "{}");
function show() {
  const pieces = Object.values(cart).reduce((sum, count) => sum + count, 0);
  document.querySelector("#cart").textContent = pieces + " in the cart";
}
function add(name) {
  cart[name] = (cart[name] || 0) + 1;
  localStorage.setItem("cart", JSON.stringify(cart));
  show();
}
show();
"""
CART_FIXED = CART.replace(
    "function add",
    """\
function take(name) {
  cart[name] = Math.max(0, (cart[name] || 0) - 1);
  localStorage.setItem("cart", JSON.stringify(cart));
  show();
}
function add""",
)
SEARCH = """\
"use strict";
document.querySelector("#search").addEventListener("input", (event) => {
  for (const item of document.querySelectorAll("ul.fabrics li"))
    item.hidden = !item.textContent.toLowerCase().includes(event.target.value.toLowerCase());
});
"""
SERVICE = CART_FIXED.replace(
    'localStorage.setItem("cart", JSON.stringify(cart));',
    'navigator.sendBeacon("/cart", JSON.stringify(cart));',
)


def front_page(
    fabrics: tuple[str, ...] = (), *, scripts: tuple[str, ...] = (), styles: tuple[str, ...] = (), note: str = ""
) -> str:
    """index.html: the fabrics with their pictures, and every script and style it cannot do without."""
    head = "".join(f'    <link rel="stylesheet" href="{name}">\n' for name in ("css/shop.css", *styles))
    foot = "".join(f'    <script src="{name}"></script>\n' for name in scripts)
    items = "".join(
        f'      <li><a href="{name}.html"><img src="img/{name}.png" alt="{name}"></a> {name.capitalize()}</li>\n'
        for name in fabrics
    )
    return (
        "<!doctype html>\n<html lang=en>\n  <head>\n    <meta charset=utf-8>\n    <title>Loom &amp; Thread</title>\n"
        f"{head}  </head>\n  <body>\n    <header><h1>Loom &amp; Thread</h1> <span id=cart></span></header>\n"
        + (f"    <p>{note}</p>\n" if note else "")
        + f'    <ul class="fabrics">\n{items}    </ul>\n{foot}  </body>\n</html>\n'
    )


def fabric_page(name: str, *, taxes: bool = False) -> str:
    """One fabric with its price for a metre."""
    price = f"{PRICES[name] * 1.19:.2f} EUR, taxes included" if taxes else f"{PRICES[name]}.00 EUR"
    return (
        f"<!doctype html>\n<html lang=en>\n  <head>\n    <meta charset=utf-8>\n    <title>{name.capitalize()}</title>\n"
        '    <link rel="stylesheet" href="css/shop.css">\n  </head>\n  <body>\n'
        f"    <h1>{name.capitalize()}</h1>\n"
        f'    <img src="img/{name}.png" alt="">\n    <p>{price} a metre</p>\n  </body>\n</html>\n'
    )


def _stored(content: bytes) -> bytes:
    """A zlib stream (RFC 1950, 1951) without compression. Where zlib itself cuts its blocks differs between systems."""
    most = 0xFFFF
    out = [b"\x78\x01"]
    for start in range(0, len(content), most):
        block = content[start : start + most]
        last = start + most >= len(content)
        out += [struct.pack("<BHH", last, len(block), len(block) ^ most), block]
    return b"".join([*out, struct.pack(">I", zlib.adler32(content))])


def photograph(name: str, size: int) -> bytes:
    """A picture of a fabric: a PNG of about `size` bytes that no compression makes smaller, the same for each name."""
    side = max(16, int(size**0.5) // 4 * 4)
    chance = random.Random(name)
    tone = [chance.randrange(60, 200) for _ in range(3)]
    palette = bytes(min(255, value * (128 + shade // 2) // 200) for shade in range(256) for value in tone)
    noise = chance.randbytes(side * side)
    rows = b"".join(b"\0" + noise[start : start + side] for start in range(0, len(noise), side))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", _stored(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in parts)
