"""Send a certificate as PDF to everybody who stayed for at least 80 % of a session.

- **It needs** the extra `cookbook`, the Airflow Variable `clickmeeting_folder`, whose folder gets the certificates and
  the ledger, the SMTP connection `smtp_default`, and a TrueType font on the workers.
- **When it fails** between two mails, a retry sends the rest: the ledger says who has a certificate.
- **A second run** writes the certificates again, and sends only those that were not sent. With a lower `min_share` it
  also sends them to the people who come on top.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from smtplib import SMTPRecipientsRefused
from tempfile import TemporaryDirectory

import pendulum
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import ObjectStoragePath, Param, dag, task

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.people.once import send_once
from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator

FOLDER = "{{ var.value.clickmeeting_folder }}/certificates/{{ params.session_id }}"


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs must not use the same ledger
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "room_id": Param(10000103, type="integer", minimum=1, description="The id of the room"),
        "session_id": Param(7000002, type="integer", minimum=1, description="The id of a session in this room"),
        "min_share": Param(
            80, type="integer", minimum=1, maximum=100, description="How much of the session one must stay, in percent"
        ),
        "font": Param(
            "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
            type="string",
            description="A TrueType font on the workers that has all letters of the names",
        ),
    },
)
def certificates():
    attendance = ClickMeetingExportAttendanceOperator(
        task_id="attendance",
        multiple_outputs=True,
        room_id="{{ params.room_id }}",
        session_id="{{ params.session_id }}",
        rejoin_gap=timedelta(minutes=5),
        path=f"{FOLDER}/attendance.jsonl",
    )

    @task
    def send_certificates(path: str, folder: str, params: dict | None = None) -> None:
        room = ClickMeetingHook().get_conference(params["room_id"])
        rows = [json.loads(line) for line in ObjectStoragePath(path).read_text().splitlines()]
        guests = {row["email"]: row for row in rows if row["email"] and not row["is_staff"]}
        stayed = {key: row for key, row in guests.items() if row["share"] * 100 >= params["min_share"]}
        # all certificates exist before the first mail, so that an error here keeps no mail back
        files = {key: ObjectStoragePath(f"{folder}/{key}.pdf") for key in stayed}
        for key, file in files.items():
            file.write_bytes(certificate(stayed[key], room["name"], params["font"]))
        with TemporaryDirectory() as attachments, SmtpHook() as smtp:

            def send(address: str) -> None:
                (copy := Path(attachments, "certificate.pdf")).write_bytes(files[address].read_bytes())
                text = "<p>Thank you for coming. Your certificate is attached.</p>"
                smtp.send_email_smtp(to=[address], subject="Your certificate", html_content=text, files=[str(copy)])

            send_once(f"{folder}/", files, send, not_sent=(SMTPRecipientsRefused,), max_failures=5)

    send_certificates(attendance.output["path"], FOLDER)


def certificate(row: dict, webinar: str, font: str) -> bytes:
    from fpdf import FPDF

    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(datetime.fromisoformat(row["first_join"]))  # the same bytes in a second run
    pdf.add_page()
    pdf.add_font("certificate", fname=font)
    day = datetime.fromisoformat(row["first_join"]).date()
    lines = ((40, "Certificate"), (28, row["nickname"] or row["email"]), (16, "took part in"), (24, webinar))
    for size, text in (*lines, (14, f"on {day}, for {row['minutes']:.0f} minutes")):
        pdf.set_font("certificate", size=size)
        pdf.multi_cell(0, size * 0.8, text, align="C", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


certificates()
