"""What a person sees of origin: a model and what it is known to do, and shares of AI-written text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.text import Text

from console.cli.render import Json, facts, page, plain, table


def trained(data: Json) -> RenderableType:
    """Returns a new model, what was left out, and what it did on the texts held out."""
    return page(_head(data), Text(), *_evaluation(data["evaluation"]), Text(), Text(f"Next: {plain(data['next'])}"))


def evaluated(data: Json) -> RenderableType:
    """Returns what a model did on texts whose origin is known."""
    lines = [Text(), Text(f"On {data['on']}:"), Text(), *_evaluation(data["evaluation"])]
    if data["expired"]:
        lines.append(Text(f"Expired on {data['expires_on']}: it says nothing of any document. Train a new one."))
    if data["exceeds_alpha"]:
        lines.append(Text(f"More human texts are flagged than alpha {data['alpha']:g} allows: do not use it on these."))
    return page(_head(data), *lines)


def _head(data: Json) -> RenderableType:
    pairs: dict[str, object] = {"model": data["model"], "card": data["card"][:12]}
    if data["calibrated"]:
        likely = f"with 95 % confidence at most {data['likely_rate']:.1%}"
        pairs["calibrated"] = f"on {data['calibration']} known-human documents"
        pairs["claims"] = f"flags at most {data['alpha']:.1%} of human texts like these on average; {likely}"
    else:
        pairs["calibrated"] = f"no: {data['calibration']} known-human documents, at least {data['needs']} are needed"
    pairs["speaks of"] = f"{data['minimum_words']} words and more, in {', '.join(data['covers']) or 'no language yet'}"
    pairs["expires"] = data["expires_on"]
    for kind, name in (("human", "human texts"), ("ai", "AI-written texts")):
        pairs[name] = _sample(data[kind])
    if data["unread"]:
        pairs["not read"] = ", ".join(f"{why}: {count}" for why, count in data["unread"].items())
    return facts(pairs)


def _sample(found: Json) -> str:
    used = f"{found['trained']} trained, {found['calibrated']} calibrated, {found['evaluated']} held out"
    return f"{found['documents']} given, {found['too_short']} too short, {found['duplicates']} twice; {used}"


def _evaluation(found: Json) -> Iterator[RenderableType]:
    kinds: tuple[tuple[str, str, Mapping[str, Json]], ...] = (
        ("false positives", "all", {"all": found["false_positives"]}),
        ("false positives", "", found["false_positives_by_domain"]),
        ("detected", "all", {"all": found["detected"]}),
        ("detected", "", found["detected_by_generator"]),
    )
    rows = [
        (what, name or "-", f"{rate['hits']} of {rate['total']}", _share(rate), f"{rate['low']:.1%}-{rate['high']:.1%}")
        for what, _, rates in kinds
        for name, rate in rates.items()
        if rate["total"]
    ]
    if rows:
        yield table(("", "where", "counted", "share", "95 %"), rows, numbers=("counted", "share"))
    if found["auroc"] is not None:
        yield Text(f"AUROC {found['auroc']:.3f}")
    for why, count in found["skipped"].items():
        yield Text(f"{plain(why).replace('_', ' ')}: {count}")


def _share(rate: Json) -> str:
    return "-" if rate["share"] is None else f"{rate['share']:.1%}"


def shares(data: Json) -> RenderableType:
    """Returns shares of AI-written documents, contract by contract, with what each rests on."""
    groups = [(item["contract"], group) for item in data["contracts"] for group in item["groups"]]
    if not groups:
        return Text("No documents yet. Run `stemma ingest` first.")
    named = () if data["by"] == "contract" else (data["by"],)
    columns = ("contract", *named, "documents", *_PARTS)
    rows = [_row(contract, group, named=bool(named)) for contract, group in groups]
    shown = table(columns, rows, numbers=columns[-6:])
    return page(shown, Text(), Text("Estimated"), *(_estimate(group) for _, group in groups), *_caveat(groups))


_PARTS = ("declared", "matched", "residue", "suspected", "unknown")


def _row(contract: str, group: Json, *, named: bool) -> tuple[object, ...]:
    name = (group["group"] or "-",) if named else ()
    return (contract, *name, group["documents"], *(f"{group[part]['share']:.1%}" for part in _PARTS))


def _estimate(group: Json) -> RenderableType:
    found = group["estimated"]
    if found["point"] is None:
        words = f"not estimated: {found['why_not']}"
    else:
        interval = f"{found['point']:.1%} ({found['low']:.1%} to {found['high']:.1%}, 95 %)"
        words = f"{interval} of {found['of']} of unknown origin, {found['scored']} scored by {found['model']}"
    return Text(plain(f"{group['group'] or '-'}: {words}"))


def _caveat(groups: list[tuple[str, Json]]) -> Iterator[RenderableType]:
    told = [group["estimated"]["caveat"] for _, group in groups if group["estimated"]["point"] is not None]
    if told:
        yield from (Text(), Text(plain(told[0])))


def estimated(data: Json) -> RenderableType:
    """Returns what was estimated of one version and kept."""
    group = {"group": f"v{data['version']:06d}", "estimated": data["estimated"]}
    told = [Text(plain(data["estimated"]["caveat"]))] if data["estimated"].get("caveat") else []
    return page(_estimate(group), *told)
