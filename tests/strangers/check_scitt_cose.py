"""Checks COSE receipts (RFC 9942) with PyPI scitt-cose.

check_scitt_cose.py VKEY [RECEIPT ENTRY]...
"""

import base64
import sys
from pathlib import Path

import scitt_cose
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def main():
    public = base64.b64decode(sys.argv[1].split("+", 2)[2])[1:]
    pem = Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for receipt, entry in zip(sys.argv[2::2], sys.argv[3::2]):
        result = scitt_cose.verify_receipt(
            Path(receipt).read_bytes(), leaf_entry_hex=Path(entry).read_bytes().hex(), log_public_key_pem=pem
        )
        assert result.ok, (result.failed_at, result.errors)
        assert result.issuer and result.subject and 4 in result.protected_header_ext, "no issuer, subject or key id"
        print(f"receipt by {result.issuer} about {result.subject}, root {result.root}")


main()
