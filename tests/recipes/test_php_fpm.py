"""docs/recipes/php-fpm.md with a real php-fpm and opcache, under load."""

from __future__ import annotations

from pathlib import Path

from tests.load import Load
from tests.projects import Script, write_files
from tests.recipes.conftest import page
from tests.servers import free_port, need, unavailable

ARTISAN = """<?php
$cache = __DIR__ . '/bootstrap/cache';
switch ($argv[1]) {
    case 'config:cache':
        file_put_contents("$cache/config.php", '<?php return ' . var_export(__DIR__, true) . ';');
        break;
    case 'migrate':
        file_put_contents(getenv('TURNOUT_ROOT') . '/migrated', getenv('TURNOUT_TAG') . "\\n", FILE_APPEND);
        break;
    case 'queue:restart':
        touch(__DIR__ . '/storage/restart');
        break;
    case 'route:cache':
    case 'view:cache':
        break;
    default:
        exit(1);
}
"""
"""What the page's commands do in an application; the cached configuration has an absolute path, as Laravel's."""
RELEASE = """<?php
namespace Shop;

class Release
{
    public static function tag(): string
    {
        return basename(require __DIR__ . '/../bootstrap/cache/config.php');
    }
}
"""
COMPOSER = """#!/bin/sh
[ "$1" = install ] && mkdir -p vendor && echo "<?php require __DIR__ . '/../app/Release.php';" > vendor/autoload.php
"""


def php_fpm() -> str:
    """The program, which has its version in its name."""
    found = sorted(path for path in Path("/usr/sbin").glob("php-fpm*") if path.stat().st_size)
    if not found:
        unavailable("php-fpm is not installed")
    return str(found[-1])


@page("php-fpm")
def test_php_with_opcache(recipe):
    server, folder = php_fpm(), recipe.systemd.folder
    need("php")
    write_files(folder, {"composer": Script(COMPOSER)})
    recipe.names |= {
        "composer install": f"{folder}/composer install",
        "/run/php/": f"{folder}/",
        "user = www-data": "user = root",
        "group = www-data": "group = root",
        "listen.owner = www-data": "listen.owner = root",
    }
    files = {"public/index.php": recipe.page["public/index.php"], "app/Release.php": RELEASE, "artisan": ARTISAN}
    recipe.begin(
        {**files, "bootstrap/cache/.gitignore": "*\n!.gitignore\n", "tests/x": "", "storage/.gitignore": "*\n"}
    )
    # nginx's file as it is, and once more with the mistake that the page warns of.
    recipe.write("/etc/nginx/conf.d/shop.conf", recipe.nginx.sites / "shop.conf")
    trap, text = free_port(), (recipe.nginx.sites / "shop.conf").read_text()
    assert text.count("$realpath_root") == 2
    (recipe.nginx.sites / "trap.conf").write_text(
        text.replace("$realpath_root", "$document_root").replace(str(recipe.port), str(trap))
    )
    line = recipe.page["/etc/php/8.2/fpm/php-fpm.conf"]
    pool = recipe.fill(recipe.page["/etc/php/8.2/fpm/pool.d/shop.conf"])
    (folder / "php-fpm.conf").write_text(f"[global]\nerror_log = {folder}/php.log\n{line}\n{pool}")
    recipe.systemd.add(
        "php8.2-fpm.service",
        f"ExecStart={server} --nodaemonize --allow-to-run-as-root --fpm-config {folder}/php-fpm.conf\n"
        "ExecReload=/bin/kill -USR2 $MAINPID\n",
    )
    recipe.systemd.do(["start", "php8.2-fpm"])
    recipe.nginx.start()
    recipe.commands("On the server, once")
    recipe.commands("The steps")
    first = recipe.live()
    recipe.project.config.write_text(recipe.project.config.read_text().replace('on = "success"', 'on = "failure"'))
    recipe.project.commit({"database/migrations/1.php": "<?php\n"})
    with Load(trap, "/up", "shop.example.com") as old, Load(recipe.port, "/up", "shop.example.com") as load:
        load.more()
        recipe.turnout("deploy", "production")
        second = recipe.live()
        load.more()
        old.stop.set()
        recipe.turnout("rollback", "production", "--across-migrations")
        load.more()
    assert set(load.said) == {f"200 {first}", f"200 {second}"}, load.said
    assert load.sequence[-50:] == [f"200 {first}"] * 50
    assert set(old.said) == {f"200 {first}"}, "without the real path, PHP goes on with the old release"
    assert (recipe.place.files / "migrated").read_text().split() == [first, second], "not again on a rollback"
    assert not (recipe.place.files / "current/tests").exists()
    recipe.turnout("verify", "production")
