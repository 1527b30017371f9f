"""Writes packages/reconloss/src/figure/font-data.ts: the letters of figures, from Liberation Sans 2.1.5 (SIL Open Font License 1.1), whose widths are those of Helvetica and Arial.

    python3 scripts/figure-font.py /usr/share/fonts/truetype/liberation2 packages/reconloss/src/figure/font-data.ts

Needs fonttools (tried with 4.38). The licence reserves the name Liberation, so that what is derived from it has another.
"""

import base64
import io
import sys
import zlib

from fontTools import subset, ttLib

FAMILY = "Reconloss Figure"
# Latin, Greek, Cyrillic, and the signs of tables.
LETTERS = (
    "U+0020-007E,U+00A0-017F,U+0384-03CE,U+0400-045F,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032,U+2033,U+20AC,"
    "U+2190-2195,U+2212,U+221E,U+2248,U+2260,U+2264,U+2265"
)


def subset_of(folder, weight):
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "kern", "FFTM"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.recalc_timestamp = False
    font = ttLib.TTFont(f"{folder}/LiberationSans-{weight}.ttf", recalcTimestamp=False)
    part = subset.Subsetter(options)
    part.populate(unicodes=subset.parse_unicodes(LETTERS))
    part.subset(font)
    for record in font["name"].names:
        names = {1: FAMILY, 3: f"{FAMILY} {weight}", 4: f"{FAMILY} {weight}", 6: f"ReconlossFigure-{weight}"}
        if record.nameID in names:
            record.string = names[record.nameID]
    file = io.BytesIO()
    font.save(file)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(file.getvalue()) + packer.flush()).decode()


folder, out = sys.argv[1:]
with open(out, "w") as file:
    file.write(
        "/** Written by scripts/figure-font.py: parts of Liberation Sans under another name, as its licence wants it; see packages/reconloss/FONT-LICENSE.txt. */\n"
    )
    for weight in ("Regular", "Bold"):
        file.write(f'export const {weight.lower()} =\n  "{subset_of(folder, weight)}";\n')
