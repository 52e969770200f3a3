"""The AWS emulator of tests and sandbox: moto with corrections.

Stock moto hashes again when MessageType is DIGEST, so that no signature
recovers to the key's address; it never pages ListAliases and ListKeys; it signs
with disabled keys; it tags keys that wait for deletion; and of two conditional
writes of one S3 object at the same time both may win. Its new buckets lack what
AWS gives each (public access blocked, ownership enforced, AES256, the tags of
the call), and its list of buckets names no Region and loses what is on the next
page. Here it behaves as the API references of KMS and S3 say. launcher_iam.py
has ten corrections more.

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
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kms import responses as kms_responses
from moto.kms import utils as kms_utils
from moto.kms.exceptions import ValidationException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3 import models as s3_models
from moto.s3 import responses as s3_responses
from werkzeug.serving import WSGIRequestHandler, make_server
from xmltodict import parse as parse_xml

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


def one_at_a_time(original):
    """Makes look-then-write one act, as S3's conditional writes are."""
    lock = threading.Lock()

    def handler(self):
        with lock:
            return original(self)

    return handler


SSE_S3 = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}}


def with_defaults(original):
    """What AWS gives every new bucket since April 2023."""

    def create_bucket(self, *arguments, **named):
        bucket = original(self, *arguments, **named)
        bucket.public_access_block = s3_models.PublicAccessBlock(True, True, True, True)
        bucket.ownership_rule = "BucketOwnerEnforced"
        bucket.encryption = SSE_S3
        return bucket

    return create_bucket


def sse_s3_again(self, bucket_name):
    """A bucket is never without encryption (DeleteBucketEncryption, S3 API
    reference)."""
    self.get_bucket(bucket_name).encryption = SSE_S3


def tagged_at_creation(original):
    """The tags inside CreateBucketConfiguration."""

    def handler(self, request, bucket_name, querystring):
        existed = bucket_name in s3_models.s3_backends.bucket_accounts
        answer = original(self, request, bucket_name, querystring)
        if not existed and self.body:
            tags = (parse_xml(self.body, force_list=("Tag",))["CreateBucketConfiguration"].get("Tags") or {}).get("Tag", [])
            self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] or "" for tag in tags})
        return answer

    return handler


def all_buckets(self):
    """ListBuckets with every bucket's Region, page by page."""
    self.data["Action"] = "ListAllMyBuckets"
    self._authenticate_and_authorize_s3_action()
    found = self.backend.list_buckets(
        prefix=self._get_param("prefix"), bucket_region=self._get_param("bucket-region"), max_buckets=None
    )
    after = self._get_param("continuation-token") or ""
    left = sorted((bucket for bucket in found if bucket.name > after), key=lambda bucket: bucket.name)
    page = left[: int(self._get_param("max-buckets") or 10000)]
    result = {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.creation_date_ISO8601, "BucketRegion": bucket.region_name}
            for bucket in page
        ]
    }
    if len(page) < len(left):
        result["ContinuationToken"] = page[-1].name
    self.data["Action"] = "ListBuckets"
    return self.serialized(ActionResult(result))


def correct_buckets():
    backend, s3 = s3_models.S3Backend, s3_responses.S3Response
    backend.create_bucket = with_defaults(backend.create_bucket)
    backend.delete_bucket_encryption = sse_s3_again
    s3._bucket_response_put = tagged_at_creation(s3._bucket_response_put)
    s3.all_buckets = all_buckets


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
    s3 = s3_responses.S3Response
    s3.put_object = one_at_a_time(s3.put_object)
    correct_buckets()
    launcher_iam.correct()


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
