"""Reads a structure message with pysdmx and prints its one definition: the reference, then each component.

usage: structure.py FILE
"""

import sys

from pysdmx.io import read_sdmx

if __name__ == "__main__":
    message = read_sdmx(sys.argv[1], validate=True)
    (dsd,) = message.get_data_structure_definitions()
    agency = getattr(dsd.agency, "id", dsd.agency)
    print(f"{agency}:{dsd.id}({dsd.version})")
    for role in ("dimensions", "attributes", "measures"):
        print(role, *(component.id for component in getattr(dsd.components, role)))
