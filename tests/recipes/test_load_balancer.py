"""docs/recipes/load-balancer.md under load: applications that stop and start, and no request is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.load import Load
from tests.recipes.conftest import page
from tests.servers import free_port


@pytest.mark.slow
@page("load-balancer")
def test_servers_are_drained_before_they_switch(recipe):
    recipe.names["/usr/bin/gunicorn"] = str(Path(sys.executable).with_name("gunicorn"))
    balancer = recipe.port
    for place in recipe.places:
        own = free_port()
        recipe.names |= {
            "127.0.0.1:8000": f"127.0.0.1:{free_port()}",
            "listen 80;": f"listen 127.0.0.1:{own};",
            f"{place.alias}.example.com:80": f"127.0.0.1:{own}",
        }
        recipe.unit("~/.config/systemd/user/shop.service", place)
        recipe.write("/etc/nginx/conf.d/shop.conf", recipe.nginx.sites / f"{place.alias}.conf", place)
    recipe.names["listen 80;"] = f"listen 127.0.0.1:{balancer};"
    recipe.write("/etc/nginx/conf.d/balancer.conf", recipe.nginx.sites / "balancer.conf")
    recipe.begin({"shop.py": recipe.page["shop.py"]})
    recipe.nginx.start()
    first_time, every_time = recipe.page.commands["The steps"].splitlines()
    recipe.run(first_time)
    recipe.there_and_back(Load(balancer, site="shop.example.com"), every_time)
