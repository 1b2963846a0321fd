"""Checks that count in an access log on the server: how many answers had a status since the switch, and before it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from core.text import clean, quote

if TYPE_CHECKING:
    from core.checks.subject import Subject
    from core.config import Check
    from core.site import ServerSite

MOST_SECONDS = 3600
"""Seconds before and after the switch that are counted at most."""
GAP = 2
"""Seconds around the switch that count neither as before nor as since: times in a log are whole seconds, and that of
the switch is known here a moment later."""
READ = 32 << 20
"""Bytes at the end of the log that are read at most; of a log that was just rotated as many of the one before."""

_MARK = "turnout-log"

_COUNT = r"""
function number(text) { return text + 0 }
function seconds(y, m, d, clock, zone,   a, days) {
  if (m <= 2) { y--; m += 12 }
  days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
  split(clock, a, ":")
  days = days * 86400 + a[1] * 3600 + a[2] * 60 + a[3]
  if (zone ~ /^[+-]/) {
    a[4] = number(substr(zone, 2, 2)) * 3600 + number(substr(zone, length(zone) - 1, 2)) * 60
    days += zone ~ /^-/ ? a[4] : -a[4]
  }
  return days
}
function when(line,   text, rest) {
  if (match(line, /\[[0-3][0-9]\/[A-Z][a-z][a-z]\/[0-9][0-9][0-9][0-9]:[0-9:]+ [+-][0-9][0-9][0-9][0-9]\]/)) {
    text = substr(line, RSTART + 1, RLENGTH - 2)
    if (text != last) {
      last = text
      at = (index("JanFebMarAprMayJunJulAugSepOctNovDec", substr(text, 4, 3)) + 2) / 3
      at = seconds(number(substr(text, 8, 4)), at, number(substr(text, 1, 2)), substr(text, 13, 8), substr(text, 22))
    }
    return at
  }
  if (match(line, /[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]/)) {
    text = substr(line, RSTART, RLENGTH)
    rest = substr(line, RSTART + RLENGTH, 20)
    sub(/^[.,][0-9]+/, "", rest)
    sub(/^ /, "", rest)
    rest = rest ~ /^Z/ ? "+0000" : match(rest, /^[+-][0-9][0-9]:?[0-9][0-9]/) ? substr(rest, 1, RLENGTH) : zone
    at = number(substr(text, 1, 4))
    return seconds(at, number(substr(text, 6, 2)), number(substr(text, 9, 2)), substr(text, 12), rest)
  }
  if (match(line, /"(ts|time|timestamp)": *"?[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]/))
    return number(substr(line, RSTART + RLENGTH - 10, 10))
  return 0
}
{
  answer = ""
  if (match($0, /" [1-5][0-9][0-9] ([0-9]+|-)/)) answer = substr($0, RSTART + 2, 3)
  else if (match($0, /"(status|status_code|statusCode|http.status_code|code)": *"?[1-5][0-9][0-9]/))
    answer = substr($0, RSTART + RLENGTH - 3, 3)
  time = answer == "" ? 0 : when($0)
  if (!time) { other++; next }
  known++
  if (time > now || time <= now - 2 * window - gap) next
  bad = answer ~ wanted
  if (time > now - window) { since++; since_bad += bad }
  else if (time <= now - window - gap) { before++; before_bad += bad }
}
END { print mark, since + 0, since_bad + 0, before + 0, before_bad + 0, known + 0, other + 0 }
"""
"""awk: counts the lines of access logs by their own times. It knows the formats of nginx and Apache, and JSON with a
status and a time (ISO 8601, or seconds since the epoch). It may hold no single quote."""


class Counted(NamedTuple):
    """Answers in a log.

    since, since_bad     since the switch: all, and those with the status that is counted
    before, before_bad   in as much time before it
    known, other         lines of the log that could be read, and those that could not
    """

    since: int
    since_bad: int
    before: int
    before_bad: int
    known: int
    other: int

    @property
    def by_chance(self) -> float:
        """How many bad answers since the switch chance explains, if nothing has become worse.

        As many as the share before the switch makes of them, and three standard deviations of the difference more: both
        counts vary by chance, as drawn from one share (binomial). Where none was bad before, chance explains none.
        """
        if not self.before_bad:
            return 0.0
        share = self.before_bad / self.before
        expected = share * self.since
        return expected + 3 * sqrt(expected * (1 - share) * (1 + self.since / self.before))

    def worse(self, over: float) -> bool:
        """Whether more than this share (0 to 1) of the answers since the switch is bad, and more than chance explains.

        A single bad answer is too many only where none is allowed.
        """
        if self.since_bad <= (1 if over else 0):
            return False
        return self.since_bad > over * self.since and self.since_bad > self.by_chance


def describe(check: Check) -> str:
    """The file, and what there may be of what."""
    return f"at most {check.over:.4g} % of {' or '.join(check.statuses)} in {check.log}"


def attempt(site: ServerSite, check: Check, subject: Subject) -> str:
    """Why there are too many such answers since the switch, or ""."""
    counted = count(site, check, subject)
    return counted if isinstance(counted, str) else verdict(check, counted)


def count(site: ServerSite, check: Check, subject: Subject) -> Counted | str:
    """The answers in the log, or why they cannot be counted. Raises Cancelled, ConnectError."""
    assert check.log is not None
    window = MOST_SECONDS if subject.live is None else min(max(int(subject.live), 1), MOST_SECONDS)
    printed: list[str] = []
    ended = site.run(_command(check, window), subject.folder, {}, check.timeout, printed.append, check.account)
    counted = next((found for line in reversed(printed) if (found := _counted(line))), None)
    if ended.late:
        return f"{check.log} could not be counted within {check.timeout:g} s"
    if counted is None:
        said = site.mask.line(clean("\n".join(printed[-3:])), 300).strip()
        return f"{check.log} cannot be counted: {said or f'status {ended.status}'}"
    if not counted.known and counted.other:
        return f"no line of {check.log} has a time and a status: the formats of nginx and Apache are known, and JSON"
    return counted


def verdict(check: Check, counted: Counted) -> str:
    """Why these counts do not pass, or ""."""
    if not counted.worse(check.over / 100):
        return ""
    what = " or ".join(check.statuses)
    share = 100 * counted.since_bad / counted.since
    before = f"{100 * counted.before_bad / counted.before:.3g} %" if counted.before else "nothing"
    chance = f"; up to {int(counted.by_chance):,} could be chance" if counted.before_bad else ""
    return (
        f"{counted.since_bad:,} of {counted.since:,} answers since the switch were {what}: {share:.3g} %, "
        f"over {check.over:.4g} %; in the same time before it {before}{chance}"
    )


def _command(check: Check, window: int) -> str:
    """Shell: counts in the log and, where it was rotated since, in the one before."""
    wanted = "|".join(f"^{word.replace('x', '[0-9]')}$" for word in check.statuses)
    minutes = 2 * window // 60 + 1
    return f"""export LC_ALL=C
f={quote(check.log or "")}
[ -f "$f" ] || {{ echo "there is no such file"; exit 1; }}
[ -r "$f" ] || {{ echo "$(id -un) may not read it"; exit 1; }}
{{ [ -z "$(find "$f.1" -prune -mmin -{minutes} 2> /dev/null)" ] || tail -c {READ} "$f.1"; tail -c {READ} "$f"; }} |
awk -v mark={_MARK} -v wanted={quote(wanted)} -v window={window} -v gap={GAP} -v now="$(date +%s)" \\
  -v zone="$(date +%z)" '{_COUNT}'
"""


def _counted(line: str) -> Counted | None:
    mark, *words = line.split()[:7] or [""]
    numbers = [int(word) for word in words if word.isascii() and word.isdecimal()]
    if mark != _MARK or len(numbers) != len(Counted.__annotations__):
        return None
    return Counted(*numbers)
