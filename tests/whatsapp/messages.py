"""Messages as the provider sends and signs them."""

import secrets

from twilio.request_validator import RequestValidator

ACCOUNT, TOKEN = "AC" + "0" * 32, "a token of the tests"
PUBLIC_URL = "https://reports.example.org"
CITIZEN = "+27825550101"


def ours(city: str) -> str:
    """The number of a test's city."""
    return "+2710" + str(int(city[:12], 16) % 10_000_000).zfill(7)


def form(city: str, text: str = "", sender: str = CITIZEN, **more: str) -> dict[str, str]:
    """What the provider sends of a message."""
    sid = "SM" + secrets.token_hex(16)
    named = {"MessageSid": sid, "SmsMessageSid": sid, "AccountSid": ACCOUNT}
    addresses = {"From": f"whatsapp:{sender}", "To": f"whatsapp:{ours(city)}"}
    rest = {"Body": text, "NumMedia": "0", "SmsStatus": "received", "ProfileName": "Thandi"}
    return named | addresses | rest | {"WaId": sender.lstrip("+")} | more


def sign(path: str, fields: dict[str, str], algorithm: str | None = None) -> dict[str, str]:
    """The headers with which the provider signs a form."""
    url = f"{PUBLIC_URL}{path}"
    signature = RequestValidator(TOKEN).compute_signature(url, fields, algorithm)
    how = {"X-Twilio-Webhooks-Signature-Settings": f"key=k1,algorithm={algorithm}"}
    headers = {"X-Twilio-Signature": signature}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return headers | (how if algorithm else {})
