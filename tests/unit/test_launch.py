"""The programs that a shell on a server is given, and the command lines that carry them."""

from core.remote import launch
from core.text import quote


def test_the_agent_with_its_first_requests_fits_one_command_line():
    begin = " ".join(["1 begin", *(quote(f"public/{number}/{'x' * 200}/") for number in range(100))])
    start = launch.agent("/srv/shop", "mark", f"{begin}\n", waits=True)
    assert start.text == "", "what does not fit travels on standard input: one more round trip"
    assert len(launch.agent_program()) < len(start.command) < launch.LONGEST_COMMAND
