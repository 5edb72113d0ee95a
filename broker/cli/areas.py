"""`tellwise areas`: where a postcode lies, and which body serves a district for which desk type.

Reads the tables that come with Tellwise; needs no data folder and no network.
"""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from schemas import AreaCode, District, ServedBy

areas = typer.Typer(help="The area tables: who serves which place.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@areas.command()
def where(
    postcode: Annotated[str, typer.Argument(help="In any case and spacing; `-` reads it from standard input.")],
    as_json: _AsJson = False,
) -> None:
    """Tell in which district a postcode lies, and who serves it.

    Exit code 2: it is malformed, unknown, or of no district; the candidates are named, and none of them is chosen.
    """
    from schemas.areas import PostcodeRefused
    from schemas.areas import where as find

    try:
        # LIMIT: an argument can be read by every user of this machine while the command runs, and stays in the
        # shell's history. A postcode that is somebody's home is better read from standard input.
        place = find(sys.stdin.readline() if postcode == "-" else postcode)
    except PostcodeRefused as refused:
        _refuse(refused.reason, [(one.district, one.postcodes) for one in refused.candidates], as_json=as_json)
    if as_json:
        print(json.dumps({**_as_json(place.district), "listed": place.listed}, sort_keys=True))
        return
    _say(place.district)
    if not place.listed:
        print("  (whether this very postcode exists is not known; all of its sector that exist lie here)")


@areas.command()
def serve(
    district: Annotated[str, typer.Argument(help="Its code or its name; a former one stands for what it became.")],
    as_json: _AsJson = False,
) -> None:
    """Tell which body serves a district for which desk type.

    Exit code 2: no district is called so; those that may have been meant are named.
    """
    from schemas.areas import UnknownArea, area_table

    try:
        found = area_table().named(district)
    except UnknownArea as unknown:
        _refuse(unknown.reason, [(one, None) for one in unknown.candidates], as_json=as_json)
    if as_json:
        print(json.dumps(_as_json(found), sort_keys=True))
        return
    if district.strip().casefold() not in {found.code.casefold(), found.name.casefold()}:
        print(f"`{district.strip()}` is today:")
    _say(found)


def _refuse(reason: str, candidates: Sequence[tuple["District", int | None]], *, as_json: bool) -> NoReturn:
    """End with the candidates, each with how many postcodes of the sector lie in it if a sector was asked for."""
    if as_json:
        named = [
            {"code": district.code, "name": district.name} | ({} if count is None else {"postcodes": count})
            for district, count in candidates
        ]
        print(json.dumps({"refused": reason, "candidates": named}, sort_keys=True))
    print(f"tellwise: {reason}", file=sys.stderr)
    for district, count in candidates:
        of_sector = "" if count is None else f", {count} postcodes of the sector"
        print(f"          perhaps {district}{of_sector}", file=sys.stderr)
    raise typer.Exit(2) from None


def _say(district: "District") -> None:
    from broker.cli.telling import bold, say
    from schemas import DESK_TYPES, ServedBy

    print(bold(str(district)))
    say(f"police force: {_named(district.force)}", 2)
    say(f"MAPPA area: {district.mappa_area}", 2)
    say(f"probation region: {district.probation_region} (not verified)", 2)
    print("served by")
    for column in ServedBy:
        desk_types = [desk_type for desk_type, row in DESK_TYPES.items() if row.served_by is column]
        bodies = [_named(code) for code in _bodies(district, column)]
        say(f"{' or '.join(bodies)}: {', '.join(desk_types)}", 2)


def _as_json(district: "District") -> dict[str, Any]:
    from schemas import DESK_TYPES

    return {
        "code": district.code,
        "name": district.name,
        "force": _code_and_name(district.force),
        "mappa_area": district.mappa_area,
        "probation_region_unverified": district.probation_region,
        "served_by": {
            desk_type: [_code_and_name(code) for code in _bodies(district, row.served_by)]
            for desk_type, row in DESK_TYPES.items()
        },
    }


def _bodies(district: "District", column: "ServedBy") -> list["AreaCode"]:
    """The codes of the bodies, each once; of the column `any`, all of them."""
    one = district.bodies.get(column)
    return list(dict.fromkeys(district.bodies.values())) if one is None else [one]


def _code_and_name(code: "AreaCode") -> dict[str, str]:
    from schemas import area_table

    return {"code": code, "name": area_table().name_of(code)}


def _named(code: "AreaCode") -> str:
    from schemas import area_table

    return f"{area_table().name_of(code)} ({code})"
