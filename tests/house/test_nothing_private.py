"""Nothing in the tree names a machine, a registry, a real address, or (in the broker) a particular agency."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, files_in_rooms, text


def parts(*halves: str) -> str:
    """A pattern that this file does not itself contain."""
    return "".join(halves)


REGISTRY = re.compile(
    "|".join(
        [
            parts(r"https?:/", r"/[^ ]*(pypi|pythonhosted|npmjs|maven|crates\.io|proxy)"),
            parts(r"(find", r"[-_]links|(extra[-_])?index", r"[-_]url)"),
        ]
    ),
    re.IGNORECASE,
)

MACHINE = re.compile(
    "|".join(
        [
            parts(r"(?<![\w.*/-])/ro", r"ot/"),
            parts(r"(?<![\w.*/-])/wo", r"rk/"),
            parts(r"(?<![\w.*-])/tmp", r"/dev"),
            parts(r"(?<![\w.*-])/opt", r"/wheels"),
            # where this very clone and its user live, if that is more than a mount point
            *(re.escape(str(place)) + r"\b" for place in (ROOT, Path.home()) if len(place.parts) > 2),
        ]
    )
)

POSTCODE_AREAS = (
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G "
    "GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW "
    "OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC "
    "WD WF WN WR WS WV YO ZE"
)  # the 124 postcode areas; ZZ, which ONS gives to places without a postcode, is not one of them
POSTCODE = re.compile(rf"\b({'|'.join(POSTCODE_AREAS.split())})[0-9][0-9A-Z]? ?[0-9][ABD-HJLNP-UW-Z]{{2}}\b")

PLACES = re.compile(
    r"\b(lancashire|lancs|blackburn|blackpool|burnley|chorley|darwen|fylde|hyndburn|lancaster|pendle|preston|ribble|"
    r"rossendale|wyre)\b",
    re.IGNORECASE,
)


def lines_with(pattern: re.Pattern[str], paths: tuple[Path, ...] | list[Path], *, cites: str = "\n") -> list[str]:
    """Where *pattern* stands in *paths*, but for lines that begin with *cites*."""
    return [
        f"{path}:{number}"
        for path in paths
        for number, line in enumerate((text(path) or "").splitlines(), start=1)
        if pattern.search(line) and not line.lstrip().startswith(cites)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY, files()) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE, files()) == []


def test_no_real_postcode_stands_outside_the_area_tables() -> None:
    elsewhere = [path for path in files() if not path.is_relative_to("schemas/areas/data")]

    assert lines_with(POSTCODE, elsewhere) == []


def test_broker_and_policies_name_no_agency() -> None:
    code = [
        path
        for path in files_in_rooms(".py", ".cedar", ".cedarschema")
        if path.parts[0] in {"broker", "policies"} and not str(path).startswith("broker/cli/demo")
    ]

    assert lines_with(PLACES, code, cites="@source(") == []  # a source may be a report about somewhere


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRY, parts("# from https:/", "/files.pythonhosted.org/packages/aa")),
        (REGISTRY, parts("--index", "-url somewhere")),
        (REGISTRY, parts("PIP_FIND", "_LINKS=here")),
        (MACHINE, parts("# via -r /wo", "rk/main/requirements.txt")),
        (MACHINE, parts("see /ro", "ot/notes")),
        (MACHINE, parts("see /tm", "p/dev/bin/python")),
        (POSTCODE, parts("lives in PR1", " 8XJ now")),
        (POSTCODE, parts("'BB1", "7DY'")),
        (POSTCODE, parts("SW1A", " 1AA")),
        (PLACES, "if agency == 'Blackburn':"),
    ],
)
def test_what_must_not_stand_in_the_tree_is_noticed(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE, parts("docs/wo", "rk/plan.md and https://example.org/wo", "rk/plan")),
        (POSTCODE, "ZZ99 3VZ"),
        (POSTCODE, "E07000117, RFC 9180, SHA2 256"),
        (PLACES, "a ribbled impression"),
    ],
)
def test_what_may_stand_in_the_tree_is_left_alone(pattern: re.Pattern[str], line: str) -> None:
    assert not pattern.search(line)
