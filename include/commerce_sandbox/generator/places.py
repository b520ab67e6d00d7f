"""Indian names, addresses and telephone numbers as shoppers type them. All of them are made up from parts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class City:
    """A city with its state as Magento's directory has it; `pin` is the first three digits of its postcodes."""

    name: str
    region: str
    region_code: str
    region_id: int
    pin: str


CITIES = (
    City("Port Blair", "Andaman and Nicobar Islands", "AN", 569, "744"),
    City("Visakhapatnam", "Andhra Pradesh", "AP", 570, "530"),
    City("Itanagar", "Arunachal Pradesh", "AR", 571, "791"),
    City("Guwahati", "Assam", "AS", 572, "781"),
    City("Patna", "Bihar", "BR", 573, "800"),
    City("Chandigarh", "Chandigarh", "CH", 574, "160"),
    City("Raipur", "Chhattisgarh", "CT", 575, "492"),
    City("Delhi", "Delhi", "DL", 578, "110"),
    City("Panaji", "Goa", "GA", 579, "403"),
    City("Ahmedabad", "Gujarat", "GJ", 580, "380"),
    City("Gurugram", "Haryana", "HR", 581, "122"),
    City("Shimla", "Himachal Pradesh", "HP", 582, "171"),
    City("Srinagar", "Jammu and Kashmir", "JK", 583, "190"),
    City("Ranchi", "Jharkhand", "JH", 584, "834"),
    City("Bengaluru", "Karnataka", "KA", 585, "560"),
    City("Kochi", "Kerala", "KL", 586, "682"),
    City("Indore", "Madhya Pradesh", "MP", 588, "452"),
    City("Mumbai", "Maharashtra", "MH", 589, "400"),
    City("Pune", "Maharashtra", "MH", 589, "411"),
    City("Imphal", "Manipur", "MN", 590, "795"),
    City("Shillong", "Meghalaya", "ML", 591, "793"),
    City("Bhubaneswar", "Odisha", "OR", 594, "751"),
    City("Ludhiana", "Punjab", "PB", 596, "141"),
    City("Jaipur", "Rajasthan", "RJ", 597, "302"),
    City("Chennai", "Tamil Nadu", "TN", 599, "600"),
    City("Hyderabad", "Telangana", "TG", 600, "500"),
    City("Agartala", "Tripura", "TR", 601, "799"),
    City("Lucknow", "Uttar Pradesh", "UP", 602, "226"),
    City("Dehradun", "Uttarakhand", "UT", 603, "248"),
    City("Kolkata", "West Bengal", "WB", 604, "700"),
)

_FIRST = [
    "Asha",
    "Ravi",
    "Meera",
    "Arjun",
    "Kavya",
    "Imran",
    "Priya",
    "Sandeep",
    "Lakshmi",
    "Joseph",
    "Gurpreet",
    "Fatima",
    "Anil",
    "Divya",
    "Rohan",
    "Sneha",
    "Vikram",
    "Nandini",
]
_LAST = [
    "Rao",
    "Sharma",
    "Iyer",
    "Patel",
    "Khan",
    "Singh",
    "Das",
    "Nair",
    "Reddy",
    "Joshi",
    "D'Souza",
    "Banerjee",
    "Gupta",
    "Kaur",
    "Menon",
    "Pillai",
]
_FIRST_HINDI = ["आशा", "रवि", "मीरा", "अर्जुन", "काव्या", "सुनीता", "राजेश", "प्रिया", "लक्ष्मी", "विक्रम"]
_LAST_HINDI = ["शर्मा", "वर्मा", "गुप्ता", "सिंह", "यादव", "मिश्रा", "पटेल", "त्रिपाठी"]
_ROADS = [
    "MG Road",
    "Link Road",
    "Station Road",
    "Gandhi Marg",
    "Nehru Street",
    "Temple Road",
    "Ring Road",
    "Church Street",
]
_ROADS_HINDI = ["गांधी मार्ग", "स्टेशन रोड", "नेहरू नगर", "शिवाजी चौक", "राम मंदिर के पास"]
_LANDMARKS = ["Near Temple", "Opp. Bus Stand", "Behind Post Office", "2nd floor; ring bell", "C/O Kumar Stores"]

_SPELLINGS = ("{n}", "+91{n}", "+91 {a} {b}", "0{n}", "91{n}", "{a}-{b}", "+91-{n}", " {n} ", "({z}) {a} {b}")


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who an order goes to, and where."""

    firstname: str
    lastname: str
    email: str
    telephone: str
    street: tuple[str, ...]
    city: City
    postcode: str


def shopper(random: Random, number: int) -> Shopper:
    """A shopper; `number` makes the e-mail address unique. One in six writes in Devanagari."""
    hindi = random.random() < 1 / 6
    first = random.choice(_FIRST_HINDI if hindi else _FIRST)
    last = random.choice(_LAST_HINDI if hindi else _LAST)
    city = random.choice(CITIES)
    return Shopper(
        firstname=first,
        lastname=last,
        email=f"shopper{number}@example.com",
        telephone=_telephone(random),
        street=_street(random, hindi=hindi),
        city=city,
        postcode=_postcode(random, city),
    )


def _telephone(random: Random) -> str:
    number = f"{random.choice('6789')}{random.randrange(10**9):09d}"
    return random.choice(_SPELLINGS).format(n=number, a=number[:5], b=number[5:], z="+91")


def _street(random: Random, *, hindi: bool) -> tuple[str, ...]:
    lines = [f"{random.randrange(1, 999)} {random.choice(_ROADS_HINDI if hindi else _ROADS)}"]
    if random.random() < 0.5:
        lines.append(random.choice(_LANDMARKS))
    if random.random() < 0.1:
        lines.append(f"Flat {random.randrange(1, 60)}/B")
    return tuple(lines)


def _postcode(random: Random, city: City) -> str:
    digits = f"{city.pin}{random.randrange(1, 100):03d}"
    return f"{digits[:3]} {digits[3:]}" if random.random() < 0.05 else digits
