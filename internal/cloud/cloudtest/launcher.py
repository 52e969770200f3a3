"""The AWS emulator of tests and sandbox: moto with corrections.

Stock moto hashes again when MessageType is DIGEST, so that no signature
recovers to the key's address; it never pages ListAliases and ListKeys; it signs
with disabled keys; and it tags keys that wait for deletion. Here it behaves as
the API reference of KMS says. launcher_iam.py and launcher_s3.py correct IAM
and S3.

Usage: launcher.py HOST PORT. Prints "port N" once it listens. Ends when its
standard input ends, so that it never outlives the process that started it.
The account id is MOTO_ACCOUNT_ID's, as moto itself has it.
"""

import contextvars
import json
import os
import sys
import threading

import launcher_iam
import launcher_s3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.core.exceptions import JsonRESTError
from moto.kms import responses as kms_responses
from moto.kms import utils as kms_utils
from moto.kms.exceptions import ValidationException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

prehashed = contextvars.ContextVar("prehashed", default=False)

HASHES = {
    "ECDSA_SHA_256": hashes.SHA256,
    "ECDSA_SHA_384": hashes.SHA384,
    "ECDSA_SHA_512": hashes.SHA512,
}


def scheme(message, signing_algorithm):
    """ECDSA over the digest as it is, or over the hash of the message."""
    algorithm = HASHES[signing_algorithm]()
    if not prehashed.get():
        return ec.ECDSA(algorithm)
    if len(message) != algorithm.digest_size:
        raise ValidationException(
            f"Digest is invalid length for algorithm {signing_algorithm}: "
            f"{len(message)} bytes, need {algorithm.digest_size}"
        )
    return ec.ECDSA(utils.Prehashed(algorithm))


def ecdsa_sign(self, message, signing_algorithm):
    kms_utils.validate_signing_algorithm(signing_algorithm, self.valid_signing_algorithms)
    return self.private_key.sign(message, scheme(message, signing_algorithm))


def ecdsa_verify(self, message, signature, signing_algorithm):
    kms_utils.validate_signing_algorithm(signing_algorithm, self.valid_signing_algorithms)
    try:
        self.private_key.public_key().verify(signature, message, scheme(message, signing_algorithm))
        return True
    except InvalidSignature:
        return False


def with_digest(original):
    """Tells the key whether the caller hashed already."""

    def handler(self):
        token = prehashed.set(self._get_param("MessageType") == "DIGEST")
        try:
            return original(self)
        finally:
            prehashed.reset(token)

    return handler


def in_state(original, disabled_too, parameter):
    """Refuses operations that the key's state does not allow (KMS developer
    guide, "Key states of AWS KMS keys")."""

    def handler(self):
        key_id = self._get_param(parameter)
        self._validate_key_id(key_id)
        key = self.kms_backend.describe_key(key_id)
        if key.key_state == "Disabled" and disabled_too:
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return original(self)

    return handler


def paged(original, field, default, most):
    """Limit, Marker, NextMarker and Truncated over an unpaged list."""

    def handler(self):
        limit = self._get_param("Limit")
        if limit is not None and not 1 <= int(limit) <= most:
            raise ValidationException(
                f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
                f"Member must have value less than or equal to {most}"
            )
        start = int(self._get_param("Marker") or 0)
        end = start + int(limit or default)
        everything = json.loads(original(self))[field]
        page = {field: everything[start:end], "Truncated": end < len(everything)}
        if page["Truncated"]:
            page["NextMarker"] = str(end)
        return json.dumps(page)

    return handler


def correct():
    kms_utils.ECDSAPrivateKey.sign = ecdsa_sign
    kms_utils.ECDSAPrivateKey.verify = ecdsa_verify
    kms = kms_responses.KmsResponse
    kms.sign = in_state(with_digest(kms.sign), True, "KeyId")
    kms.verify = in_state(with_digest(kms.verify), True, "KeyId")
    kms.tag_resource = in_state(kms.tag_resource, False, "KeyId")
    kms.enable_key = in_state(kms.enable_key, False, "KeyId")
    kms.create_alias = in_state(kms.create_alias, False, "TargetKeyId")
    kms.list_aliases = paged(kms.list_aliases, "Aliases", 50, 100)
    kms.list_keys = paged(kms.list_keys, "Keys", 100, 1000)
    launcher_iam.correct()
    launcher_s3.correct()


class Quiet(WSGIRequestHandler):
    """No line per request."""

    def log_request(self, *_):
        pass


def end_with_parent():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main():
    correct()
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server(sys.argv[1], int(sys.argv[2]), app, threaded=True, request_handler=Quiet)
    threading.Thread(target=end_with_parent, daemon=True).start()
    print(f"port {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
