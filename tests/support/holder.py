"""Holds a ledger and acts for one person after the other, until another task takes the ledger over.

Called with the ledger. Each act is a line on standard output, as a request to ClickMeeting would be.
"""

from __future__ import annotations

import os
import sys
from itertools import count

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.people.ledger import Ledger

try:
    with Ledger(sys.argv[1], "invitations", 5) as ledger:
        for number in count():
            ledger.put(f"visitor{number}@example.com", row=number, outcome="sending")
            ledger.flush()
            ledger.check()
            os.write(1, b"%d\n" % number)
            ledger.put(f"visitor{number}@example.com", row=number, outcome="sent")
except AirflowException as error:
    os.write(2, str(error).encode())
    os._exit(3)
