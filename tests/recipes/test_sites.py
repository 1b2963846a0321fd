"""Files that nginx serves through `current`: docs/recipes/static-site.md, maintenance-page.md and monorepo.md."""

from __future__ import annotations

from pathlib import Path

from tests.load import Load, ask
from tests.recipes.conftest import page
from tests.servers import need


@page("static-site")
def test_a_static_site(recipe):
    need("rsync")
    recipe.replace_npm()
    files = {"package.json": recipe.page["package.json"], "package-lock.json": "{}\n"}
    recipe.begin({**files, "pages/index.html": "1\n", "pages/assets/site-1.css": "1\n", "pages/site.map": "{}"})
    recipe.write("/etc/nginx/conf.d/site.conf", recipe.nginx.sites / "site.conf")
    recipe.nginx.start()
    recipe.commands("The steps")
    recipe.project.commit(
        {"pages/index.html": "2\n", "pages/assets/site-1.css": None, "pages/assets/site-2.css": "2\n"}
    )
    with Load(recipe.port, site="www.example.com") as load:
        load.more()
        recipe.turnout("deploy", "production")
        load.more()
        assert ask(recipe.port, "/assets/site-1.css", "www.example.com") == (200, "1\n"), "for pages opened before"
        assert ask(recipe.port, "/assets/site-2.css", "www.example.com") == (200, "2\n")
        recipe.turnout("rollback", "production")
        load.more()
    assert set(load.said) == {"200 1", "200 2"}, load.said
    assert load.sequence[-50:] == ["200 1"] * 50
    assert not list(recipe.place.files.glob("releases/*/*.map"))


@page("maintenance-page")
def test_a_maintenance_page(recipe):
    site = "shop.example.com"

    def status() -> int:
        return ask(recipe.port, "/", site)[0]

    recipe.begin(
        {"index.html": "1\n", "health.txt": "well\n", "migrate.sh": 'test -e "$TURNOUT_ROOT/shared/deploying"\n'}
    )
    recipe.write("/etc/nginx/conf.d/shop.conf", recipe.nginx.sites / "shop.conf")
    shown = Path("/srv/shop/shared/maintenance.html")
    recipe.write(str(shown), recipe.place.files / "shared/maintenance.html")
    recipe.nginx.start()
    recipe.turnout("deploy", "production")
    assert status() == 200
    closing, opening, _ = recipe.page.commands["The steps"].splitlines()
    recipe.turnout(*closing.split()[1:])
    assert ask(recipe.port, "/", site) == (503, recipe.page[str(shown)])
    recipe.project.commit({"index.html": "2\n"})
    recipe.turnout("deploy", "production")
    assert status() == 503, "what a person has closed stays closed"
    recipe.turnout(*opening.split()[1:])
    assert ask(recipe.port, "/", site) == (200, "2\n")
    recipe.project.commit({"index.html": "3\n", "migrate.sh": "exit 1\n"})
    recipe.turnout("deploy", "production", code=1)
    assert ask(recipe.port, "/", site) == (200, "2\n")
    recipe.turnout("rollback", "production")
    assert ask(recipe.port, "/", site) == (200, "1\n")


@page("monorepo")
def test_two_services_of_one_repository(recipe):
    recipe.names["/srv/web"] = f"{recipe.place.root}-web"
    web = recipe.place.files.with_name(f"{recipe.place.files.name}-web")
    web.mkdir()
    recipe.folder = "services/shop"
    recipe.begin(
        {
            "services/shop/index.html": "shop 1\n",
            "services/web/body.html": "web 1\n",
            "libs/head.html": "head\n",
            "services/web/turnout.toml": recipe.fill(recipe.page["services/web/turnout.toml"]).replace(
                "deploy@web1.example.com", recipe.place.alias
            ),
        }
    )
    recipe.commands("The steps")
    assert (recipe.place.files / "current/index.html").read_text() == "shop 1\n"
    first = recipe.live()
    recipe.turnout("deploy", "production", "--config", "../web/turnout.toml")
    assert (web / "current/index.html").read_text() == "head\nweb 1\n"
    recipe.project.commit({"services/shop/index.html": "shop 2\n"})
    recipe.turnout("deploy", "production")
    assert (recipe.place.files / "current/index.html").read_text() == "shop 2\n"
    recipe.turnout("rollback", "production")
    assert recipe.live() == first
    assert (web / "current/index.html").read_text() == "head\nweb 1\n"


@page("canary-by-hand")
def test_a_canary_by_hand(recipe):
    recipe.begin({"index.html": "1\n"})
    recipe.turnout("deploy", "production")
    first = recipe.live()
    recipe.project.commit({"index.html": "2\n"})
    canary, look, all_others, _ = recipe.page.commands["The steps"].splitlines()
    back = recipe.page.commands["A rollback"]
    for _ in range(2):
        recipe.run(canary)
        recipe.run(look)
        second, *others = recipe.all_live()
        assert second != first and others == [first, first]
        recipe.run(back)
        assert recipe.all_live() == [first] * 3
    recipe.run(canary)
    second = recipe.live()
    switched = (recipe.place.files / "current").lstat().st_mtime_ns
    recipe.names |= {"20261121T193000Z-3f2c1ab": second, "3f2c1ab ": f"{second[-7:]} "}
    recipe.project.commit({"index.html": "3\n"})
    recipe.run(all_others)
    assert (recipe.place.files / "current").lstat().st_mtime_ns == switched
    assert recipe.all_live() == [second] * 3
    recipe.turnout("rollback", "production")
    assert recipe.all_live() == [first] * 3
