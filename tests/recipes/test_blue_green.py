"""docs/recipes/blue-green.md under load: the switch and the way back lose no request."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.load import Load
from tests.recipes.conftest import page
from tests.servers import free_port


@pytest.mark.slow
@page("blue-green")
def test_no_request_is_lost(recipe):
    blue, green = free_port(), free_port()
    recipe.names |= {
        "blue = 8001": f"blue = {blue}",
        "green = 8002": f"green = {green}",
        "127.0.0.1:8001": f"127.0.0.1:{blue}",
        "/usr/bin/gunicorn": str(Path(sys.executable).with_name("gunicorn")),
        "loginctl": ": loginctl",
    }
    recipe.begin({"shop.py": recipe.page["shop.py"]})
    recipe.unit("~/.config/systemd/user/shop@.service")
    recipe.commands("On the server, once")
    recipe.write("/etc/nginx/conf.d/shop.conf", recipe.nginx.sites / "shop.conf")
    recipe.nginx.start()
    recipe.commands("The steps")
    assert recipe.systemd.enabled == {"shop@blue"}
    recipe.there_and_back(Load(recipe.port, site="shop.example.com"))
    assert set(recipe.systemd.running) == {"nginx", "shop@blue"} and recipe.systemd.enabled == {"shop@blue"}
