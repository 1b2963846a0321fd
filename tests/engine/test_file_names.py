"""Any byte string that a file system takes for a name goes to the server and comes back."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.events import Note
from tests.engine.driving import at_rest, snapshot, tree_of
from tests.projects import Link

SETTINGS = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
"""Each example is a deploy or two of up to a hundred names."""

part = st.binary(min_size=1, max_size=120).filter(lambda name: not set(name) & {0, 0x2F} and name not in (b".", b".."))
troublesome = (
    st.text("\n\r\t\\'\"%$`*?[]{}~!#-. ", min_size=1, max_size=6)
    .map(str.encode)
    .filter(lambda name: name not in (b".", b".."))
)
name = st.one_of(part, troublesome)
names = st.sets(name, min_size=30, max_size=80)
numbers = itertools.count(1)


def new_tag():
    return f"r{next(numbers)}"


def write(project, wanted):
    project.write({path: path[::-1] for path in wanted})


@pytest.fixture(params=["bash", "fish", "busybox"])
def place(request, shell_server):
    return shell_server(request.param)


def test_any_name_goes_there_and_leaves_again(place, project_factory, engine):
    project = project_factory([place], {"keep": "k"}, source="directory")
    operator = engine(project)

    @SETTINGS
    @given(names, names, st.randoms())
    def deploy(first, second, random):
        for old in os.listdir(os.fsencode(project.tree)):
            if old != b"keep":
                os.unlink(os.path.join(os.fsencode(project.tree), old))
        write(project, first)
        result = operator.deploy(tag=new_tag())
        assert snapshot(place.files / "releases" / result.tag) == tree_of(project)
        # About half of them go, others come.
        project.write(dict.fromkeys(path for path in first if random.random() < 0.5))
        write(project, second)
        result = operator.deploy(tag=new_tag())
        assert snapshot(place.files / "releases" / result.tag) == tree_of(project)

    deploy()
    at_rest([place])


def test_any_name_may_be_a_folder_and_any_text_a_links_target(place, project_factory, engine):
    project = project_factory([place], {"keep": "k"}, source="directory")
    operator = engine(project)
    target = st.binary(min_size=1, max_size=200).filter(lambda value: 0 not in value)

    @SETTINGS
    @given(st.dictionaries(name, target, min_size=20, max_size=40))
    def deploy(links):
        folder = new_tag().encode()
        project.write({folder + b"/" + key + b"/" + key: Link(value) for key, value in links.items()})
        result = operator.deploy(tag=new_tag())
        assert snapshot(place.files / "releases" / result.tag) == tree_of(project)

    deploy()
    at_rest([place])


def test_names_survive_a_cache_that_is_compared_by_checksum(place, project_factory, engine):
    project = project_factory([place], {"keep": "k", "gone": "g"}, source="directory")
    operator = engine(project)
    operator.deploy(tag="first")

    @SETTINGS
    @given(names)
    def deploy(wanted):
        write(project, wanted)
        operator.deploy(tag=new_tag())
        (place.files / ".turnout/cache.manifest").unlink()
        project.write({"more": new_tag()})
        result = operator.deploy(tag=new_tag())
        assert "compared" in operator.said(Note)[-1].text
        assert snapshot(place.files / "releases" / result.tag) == tree_of(project)

    deploy()


def test_a_carriage_return_or_backslash_is_reported_right_when_the_cache_is_compared(place, project_factory, engine):
    """Some versions of sha256sum write such names in another way."""
    project = project_factory([place], {"a\rb": "1", "c": "2"}, source="directory")
    operator = engine(project)
    operator.deploy(tag="one")
    (place.files / ".turnout/cache.manifest").unlink()
    project.write({"d": "3"})
    second = operator.deploy(tag="two")
    assert snapshot(place.files / "releases" / second.tag) == tree_of(project)
    (place.files / ".turnout/cache.manifest").unlink()
    project.write({"e\\n": "3", "a\rb": "4"})
    third = operator.deploy(tag="three")
    assert snapshot(place.files / "releases" / third.tag) == tree_of(project)


def test_a_links_target_may_end_in_a_newline_also_when_the_cache_is_compared(place, project_factory, engine):
    project = project_factory([place], {"link": Link("target\n"), "other": "1"}, source="directory")
    operator = engine(project)
    operator.deploy(tag="one")
    (place.files / ".turnout/cache.manifest").unlink()
    project.write({"link": Link("target")})
    second = operator.deploy(tag="two")
    assert os.readlink(place.files / "releases" / second.tag / "link") == "target"


@pytest.mark.parametrize("shared", ["it's shared \\0101/", "-n", "snow \N{SNOWMAN}/deep er/file", "%41 $HOME/"])
def test_any_name_may_be_a_shared_path(place, project_factory, engine, shared):
    files = {f"{shared}seed" if shared.endswith("/") else shared: "from the release", "x": "1"}
    project = project_factory([place], files, deploy={"shared": [shared]})
    operator = engine(project)
    operator.deploy()
    path = shared.rstrip("/")
    assert (place.files / "current" / path).is_symlink()
    kept = place.files / "shared" / (f"{shared}seed" if shared.endswith("/") else shared)
    assert kept.read_text() == "from the release"
    kept.write_text("from the application")
    project.commit({"x": "2"})
    operator.deploy()
    assert (place.files / "current" / kept.relative_to(place.files / "shared")).read_text() == "from the application"
    at_rest([place])
