"""Words for months, numbers, scales and units in the languages that particulars are read in: tables, nothing else.

English, German, French, Spanish, Italian, Portuguese and Dutch, each word in lower case.
"""

from __future__ import annotations

from types import MappingProxyType

MONTHS = MappingProxyType(
    {
        name: number
        for number, names in enumerate(
            (
                "january jan januar jänner janvier enero gennaio janeiro januari",
                "february feb februar février febrero febbraio fevereiro februari",
                "march mar märz mars marzo março maart",
                "april apr avril abril aprile",
                "may mai mayo maggio maio mei",
                "june jun juni juin junio giugno junho",
                "july jul juli juillet julio luglio julho",
                "august aug août agosto augustus",
                "september sep sept septembre septiembre settembre setembro",
                "october oct oktober octobre octubre ottobre outubro",
                "november nov novembre noviembre novembro",
                "december dec dezember dez décembre diciembre dicembre dezembro",
            ),
            1,
        )
        for name in names.split()
    }
)
"""Name of a month to its number."""
WORDS = MappingProxyType(
    {
        word: float(value)
        for value, listed in {
            2: "two zwei deux dos due dois twee",
            3: "three drei trois tres tre três drie",
            4: "four vier quatre cuatro quattro quatro",
            5: "five fünf cinq cinco cinque vijf",
            6: "six sechs seis sei zes",
            7: "seven sieben sept siete sette sete zeven",
            8: "eight acht huit ocho otto oito",
            9: "nine neun neuf nueve nove negen",
            10: "ten zehn dix diez dieci dez tien",
            11: "eleven elf onze once undici",
            12: "twelve zwölf douze doce dodici doze twaalf",
            15: "fifteen fünfzehn quinze quince quindici",
            20: "twenty zwanzig vingt veinte venti vinte twintig",
            30: "thirty dreißig dreissig trente treinta trenta trinta dertig",
            40: "forty vierzig quarante cuarenta quaranta quarenta veertig",
            50: "fifty fünfzig cinquante cincuenta cinquanta cinquenta vijftig",
            60: "sixty sechzig soixante sesenta sessanta sessenta zestig",
            90: "ninety neunzig noventa novanta negentig",
            100: "hundred hundert cent cien cento honderd",
        }.items()
        for word in listed.split()
    }
)
"""Spelt number to its value; `one` is left out, it is an article in most of these languages."""
SCALES = MappingProxyType(
    {
        word: value
        for value, listed in {
            1e3: "thousand tausend mille mil mila duizend k",
            1e6: "million millions millionen mio millón millones milione milioni milhão milhões miljoen mn",
            1e9: "billion billions milliarde milliarden mrd milliard milliards miliardo miliardi miljard bn",
            1e12: "trillion trillions tn",
        }.items()
        for word in listed.split()
    }
)
"""Word behind a number to what it multiplies the number by."""
UNITS = MappingProxyType(
    {
        word: unit
        for unit, listed in {
            "%": "% percent prozent pourcent pct procent",
            "USD": "$ usd dollar dollars dólares",
            "EUR": "€ eur euro euros",
            "GBP": "£ gbp pound pounds",
            "JPY": "¥ jpy yen",
            "km": "km kilometer kilometers kilometre kilometres kilómetros",
            "m": "m meter meters metre metres metros",
            "kg": "kg kilogram kilograms kilogramm kilos",
            "day": "day days tag tage tagen jour jours día días giorno giorni dia dias dag dagen",
            "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
            "month": "month months monat monate monaten mois mes meses mese mesi maand maanden",
            "year": "year years jahr jahre jahren an ans année années año años anno anni ano anos jaar",
            "hour": "hour hours h stunde stunden heure heures hora horas ora ore uur",
            "minute": "minute minutes min minuten minuto minutos minuti",
            "GB": "gb gigabyte gigabytes",
            "MB": "mb megabyte megabytes",
            "ms": "ms millisecond milliseconds millisekunden",
        }.items()
        for word in listed.split()
    }
)
"""Word or sign beside a number to its unit."""
ORDINARY = frozenset(
    {
        "the", "this", "that", "these", "those", "there", "their", "they", "then", "when", "where", "which", "while",
        "what", "who", "whose", "with", "without", "within", "from", "into", "in", "on", "at", "by", "for", "to",
        "of", "and", "or", "but", "if", "as", "it", "its", "is", "are", "was", "were", "be", "been", "he", "she",
        "we", "you", "his", "her", "our", "your", "my", "i", "a", "an", "not", "no", "however", "moreover",
        "furthermore", "additionally", "also", "although", "because", "since", "after", "before", "during", "over",
        "under", "between", "both", "all", "some", "many", "most", "more", "other", "another", "such", "each",
        "every", "here", "how", "why", "yes", "one", "first", "second", "finally", "overall", "der", "die", "das",
        "ein", "eine", "und", "oder", "aber", "wenn", "als", "wir", "sie", "er", "es", "ist", "sind", "war", "le",
        "la", "les", "un", "une", "des", "et", "ou", "mais", "il", "elle", "nous", "el", "los", "las", "una", "y",
        "o", "pero", "si", "en", "su", "lo", "gli", "uno", "e",
    }
)  # fmt: skip
"""Words that are capitalised at the head of a sentence and begin or end no name."""
