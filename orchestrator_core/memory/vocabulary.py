"""English words by which a prompt says where, when, in what mood and in which clothes: a closed list, to be read here.

What is not in it is not noticed, and then the story's own state stands beside it; a person can always say it outright.
"""

from __future__ import annotations

from collections.abc import Mapping


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


PLACES = listed(
    "airport alley alleyway apartment arena attic balcony ballroom bar barn basement bathhouse bathroom battlefield "
    "bay beach bedroom bridge cabin café cafe camp campfire campsite canyon carriage casino castle cathedral cave "
    "cavern cellar cemetery chapel church city cityscape classroom cliff clearing coast cockpit corridor cottage "
    "courtroom courtyard crypt desert diner dock docks dungeon elevator factory farm farmhouse festival field "
    "forest fortress garage garden gate glade glacier graveyard greenhouse grove gym hallway hangar harbor harbour "
    "highway hill hills hillside hilltop hospital hotel house hut inn island jungle kitchen lab laboratory lagoon "
    "lake lakeside library lighthouse lobby mansion market marketplace marsh meadow mine monastery mountain "
    "mountains mountaintop museum nightclub oasis observatory ocean office onsen orchard palace park parlor path "
    "pier pirateship plain plains plaza pond pool port prison pub pyramid quarry railway rainforest ranch reef "
    "restaurant river riverbank riverside road rooftop room ruin ruins saloon sauna savanna schoolyard school sea "
    "seashore seaside sewer shipwreck shop shore shrine skyline skyscraper slum spaceship spaceport square stable "
    "stadium stage staircase station steppe store street studio suburb subway swamp tavern temple tent terrace "
    "theater theatre tomb tower town trail train tunnel underwater university valley village vineyard volcano "
    "waterfall windmill woods workshop yard zoo"
)
# A place's word is no place in these: "depth of field", a color, a way to photograph.
NOT_PLACES = (
    "depth of field", "field of view", "street photography", "studio ghibli", "studio lighting", "forest green",
    "sea green", "ocean blue", "sea blue", "stage lights", "street style", "hotel uniform", "school uniform",
    "train of thought", "wedding train", "open mind", "mountain dew", "room temperature", "force field",
)  # fmt: skip
AFTER_PLACES = listed(
    "of at in on with by near under during behind and while as from to where when before after above below beside "
    "full filled lit bathed covered surrounded background scene landscape interior exterior view"
)

# The words of each time of day, and the times that say the same as it or leave it open.
TIMES: Mapping[str, tuple[str, ...]] = {
    "dawn": ("dawn", "daybreak", "sunrise", "first light"),
    "morning": ("morning",),
    "noon": ("noon", "midday"),
    "day": ("day", "daytime", "daylight"),
    "afternoon": ("afternoon",),
    "evening": ("evening", "sunset", "dusk", "twilight", "golden hour", "nightfall"),
    "night": ("night", "nighttime", "midnight", "moonlight", "moonlit", "starry sky", "starlit", "starlight"),
}
SAME_TIMES = (frozenset(("day", "morning", "noon", "afternoon")), frozenset(("dawn", "morning")))
NOT_TIMES = (
    "night elf", "night elves", "evening gown", "evening gowns", "evening dress", "evening dresses", "night gown",
    "morning coat", "night vision", "night fury", "twilight sparkle", "modern day", "present day", "day dress",
    "one day", "dawn patrol", "night market", "night club", "night school", "night bus", "night train", "night shift",
    "sunset boulevard", "day care",
)  # fmt: skip

MOODS = listed(
    "afraid angry anxious awkward bittersweet calm cheerful cozy creepy desperate dreamy eerie epic excited festive "
    "foreboding frightened furious gloomy grim happy hopeful hopeless intimate joyful joyous lonely melancholic "
    "melancholy menacing mournful mysterious nervous nostalgic ominous peaceful playful relaxed romantic sad scared "
    "serene solemn somber sorrowful spooky tense terrified threatening tranquil triumphant whimsical wistful "
    "worried"
)
# A face that says enough: a mood beside it could contradict it, and it is too fleeting to be remembered.
FACES = listed("crying frowning grinning laughing scowling screaming smile smiling smirk sobbing tears")

_WORN = {
    "whole": "armor armour bikini bodysuit catsuit cheongsam costume coverall coveralls dress dungarees gown habit "
    "hakama hanbok jumpsuit kimono leotard naked nude onesie outfit overalls pajamas pyjamas qipao robe robes romper "
    "sari spacesuit suit sundress swimsuit swimwear toga tracksuit tuxedo uniform yukata nightgown wetsuit",
    "top": "bandeau blouse bodice camisole corset hoodie jersey jumper pullover shirt sweater sweatshirt t-shirt "
    "tank-top tshirt tunic turtleneck undershirt vest waistcoat",
    "bottom": "breeches chaps jeans kilt leggings loincloth miniskirt pants shorts skirt slacks sweatpants trousers",
    "over": "blazer cape cardigan cloak coat jacket mantle overcoat parka poncho raincoat shawl trenchcoat",
    "feet": "barefoot boots clogs heels loafers moccasins sandals shoes slippers sneakers trainers",
    "head": "beanie bonnet bandana beret cap crown diadem fedora hat headband headdress helmet hood tiara turban "
    "veil top-hat",
    "face": "eyepatch eyeglasses glasses goggles mask sunglasses monocle",
    "neck": "choker necklace pendant scarf tie necktie bowtie amulet",
    "hands": "gauntlets gloves mittens",
    "legs": "pantyhose stockings thighhighs tights socks kneehighs",
    "apron": "apron",
    "waist": "belt sash",
}
GARMENTS: Mapping[str, str] = {word: part for part, names in _WORN.items() for word in names.split()}
# Who puts one on takes the others off.
REPLACES: Mapping[str, frozenset[str]] = {
    "whole": frozenset(("whole", "top", "bottom")),
    "top": frozenset(("whole", "top")),
    "bottom": frozenset(("whole", "bottom")),
}
NOT_WORN = ("coat of arms", "tie the knot", "mask off", "cap of", "suit of cards", "dress shop", "shoe shop")

FIGURES = listed(
    "girl boy woman man lady gentleman child kid teenager person figure stranger knight guard soldier king queen "
    "prince princess witch wizard warrior monk priest nun maid butler merchant sailor pirate thief elf dwarf orc "
    "goblin vampire zombie robot android alien angel demon monster giant fairy mermaid doctor nurse teacher student "
    "detective policeman farmer hunter girls boys women men people crowd children guards soldiers"
)
NOBODY = ("no humans", "no people", "no one", "nobody", "without people", "no person", "deserted", "uninhabited")
ALONE = ("solo", "alone", "by herself", "by himself", "by itself", "only one person")

DETERMINERS = listed("a an the her his their its my your our this that these those some another")
# Between a determiner and a garment, or before a garment without one: how it looks.
LOOKS = listed(
    "amber beige black blond blue bronze brown crimson cream copper cyan dark emerald gold golden gray green grey "
    "indigo ivory khaki lavender lilac magenta maroon navy ochre olive orange pale pastel peach pink purple red "
    "rose ruby sapphire scarlet silver tan teal turquoise violet white yellow bright light colorful colourful plaid "
    "striped checkered floral patterned plain leather silk velvet wool woolen cotton denim lace linen fur satin "
    "steel iron plate chain mail metal rubber latex knitted canvas straw long short small big large huge tiny heavy "
    "thick thin loose tight old new worn torn ragged tattered dirty clean wet elegant simple ornate fancy formal "
    "casual royal medieval futuristic traditional victorian gothic military school sailor maid business fitted "
    "flowing hooded sleeveless strapless backless open winter summer wedding evening travel riding rain running "
    "high round"
)
