"""English verbs in their forms, and classes of sentences by tense and by who does it."""

from __future__ import annotations

import random
import re
from functools import cache

# plain past participle; the other forms are regular
IRREGULAR = """beat beat beaten|bid bid bid|bind bound bound|blow blew blown|blow-dry blow-dried blow-dried|
bottle-feed bottle-fed bottle-fed|break broke broken|bring brought brought|cast cast cast|catch caught caught|
creep crept crept|cut cut cut|dig dug dug|distil distilled distilled|draw drew drawn|drive drove driven|feed fed fed|
fuel fuelled fuelled|grind ground ground|hang hung hung|hide hid hidden|hold held held|keep kept kept|label labelled labelled|
lay laid laid|lead led led|leave left left|level levelled levelled|light lit lit|make made made|program programmed programmed|
put put put|read read read|ring rang rung|saw sawed sawn|set set set|sew sewed sewn|shear sheared shorn|shoe shod shod|
shovel shovelled shovelled|sing sang sung|slay slew slain|sling slung slung|sow sowed sown|speak spoke spoken|spin spun spun|
spread spread spread|string strung strung|swear swore sworn|sweep swept swept|swim swam swum|swing swung swung|
take took taken|throw threw thrown|unravel unravelled unravelled|wind wound wound|write wrote written"""
GERUNDS = {
    "tie": "tying",
    "dye": "dyeing",
    "shoe": "shoeing",
    "distil": "distilling",
    "unravel": "unravelling",
    "label": "labelling",
    "level": "levelling",
    "program": "programming",
    "fuel": "fuelling",
    "shovel": "shovelling",
}
DOUBLED = re.compile(r"[^aeiou]*[aeiou][bdgklmnprt]$")  # one short syllable: scrub, plan, drop

TENSES = {
    "present simple": ("{do}", "{does}"),
    "present continuous": ("{are} {doing}", "{is} {doing}"),
    "past simple": ("{did}", "{did}"),
    "past continuous": ("{were} {doing}", "{was} {doing}"),
    "present perfect": ("have {done}", "has {done}"),
    "present perfect continuous": ("have been {doing}", "has been {doing}"),
    "past perfect": ("had {done}", "had {done}"),
    "future": ("will {do}", "will {do}"),
    "planned future": ("{are} going to {do}", "{is} going to {do}"),
    "conditional": ("would {do}", "would {do}"),
    "past conditional": ("would have {done}", "would have {done}"),
    "former habit": ("used to {do}", "used to {do}"),
}
WHO = {"I": "I", "you": "you", "we": "we", "they": "they", "somebody": ""}
FRAMES = [
    "{who} {verb}.",
    "{place}, {who} {verb}.",
    "With {name}, {who} {verb}.",
    "{who} {verb} with the {person}.",
    "As for the {thing}: {who} {verb}.",
    "{who} {verb}, said {name2}.",
    "Never mind the {thing2}, {who} {verb}.",
    "{who} {verb}, and the {person} looks on.",
    "{name} says that {who} {verb} {place}.",
    "Without a {thing}, {who} {verb}.",
]


@cache
def _irregular() -> dict[str, tuple[str, str]]:
    return {
        plain: (past, done) for plain, past, done in (one.split() for one in IRREGULAR.replace("\n", "").split("|"))
    }


def inflected(phrase: str, form: str) -> str:
    """A phrase that begins with a verb in its plain form, in another: past, participle, ing or third (person)."""
    verb, space, rest = phrase.partition(" ")
    ending = {"past": _past, "participle": _participle, "ing": _gerund, "third": _third}[form]
    return ending(verb) + space + rest


def _past(verb: str) -> str:
    return _irregular()[verb][0] if verb in _irregular() else _regular(verb)


def _participle(verb: str) -> str:
    return _irregular()[verb][1] if verb in _irregular() else _regular(verb)


def _regular(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + (verb[-1] if DOUBLED.match(verb) else "") + "ed"


def _gerund(verb: str) -> str:
    if verb in GERUNDS:
        return GERUNDS[verb]
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if DOUBLED.match(verb) else "") + "ing"


def _third(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def pattern(tense: str, who: str, rng: random.Random) -> str:
    """A pattern of a sentence in which `who`, of WHO, does something at some time."""
    subject = WHO[who] or rng.choice(("the {person}", "she", "he", "{name}"))
    said = TENSES[tense][who == "somebody"]
    be = (
        {"{are}": "am", "{were}": "was"}
        if who == "I"
        else {"{are}": "are", "{were}": "were", "{is}": "is", "{was}": "was"}
    )
    for slot, form in be.items():
        said = said.replace(slot, form)
    frame = rng.choice(FRAMES).replace("{who}", subject).replace("{verb}", said)
    first = frame.replace("{person}", "{Person}", 1) if frame.startswith("{person}") else frame
    return first[0].upper() + first[1:] if first[0] != "{" else "{" + first[1].upper() + first[2:]
