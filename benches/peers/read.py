"""Reads each file named after the reader: prints its name, the entries read, and the seconds of processor time.

read.py mt-940|lxml FILE...
"""

import logging
import sys
import time


def mt940(path):
    import mt940 as library

    return len(library.parse(path).transactions)


def lxml(path):
    """What a team writes: entries by iterparse, each with the fields a match needs."""
    from lxml import etree

    entries = 0
    for _, entry in etree.iterparse(path, tag="{*}Ntry"):
        fields = [
            entry.findtext(field)
            for field in (
                "{*}Amt", "{*}CdtDbtInd", ".//{*}BookgDt/{*}Dt", "{*}AcctSvcrRef", ".//{*}EndToEndId", ".//{*}TxId",
                ".//{*}RltdPties/{*}Dbtr//{*}Nm", ".//{*}DbtrAcct//{*}IBAN", ".//{*}CdtrAcct//{*}IBAN", ".//{*}Ustrd",
            )
        ]
        entries += fields[0] is not None
        entry.clear()
        while entry.getprevious() is not None:
            del entry.getparent()[0]
    return entries


logging.disable(logging.CRITICAL)
read = {"mt-940": mt940, "lxml": lxml}[sys.argv[1]]
for path in sys.argv[2:]:
    started = time.process_time()
    try:
        found = read(path)
    except Exception:
        found = 0
    print(path, found, f"{time.process_time() - started:.4f}", sep="\t")
