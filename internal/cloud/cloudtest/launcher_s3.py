"""What launcher.py corrects in moto's S3, after the S3 API reference and the S3
User Guide.

1. Of two conditional writes of one object at the same time one wins.
2. A new bucket has what AWS gives each: public access blocked, ownership
   enforced, AES256, the tags of the call. It is never without encryption.
3. The list of buckets names Regions and loses nothing between pages.
4. The conditions of a bucket's policy count. Requests to loopback never leave
   the machine and pass for requests over TLS, so that a policy that asks for it
   can be written here as it is in an account.
5. Who does not sign may only do what the policy lets everybody do, and nothing
   where RestrictPublicBuckets is on. moto has him write what was not there
   before, and takes an Allow for somebody as one for everybody.

Who signs is let in by anything but a Deny for everybody: the emulator does not
know who a signer is. ACLs give nothing, as in every bucket that is new.
"""

import json
import re
import threading
from urllib.parse import parse_qs, urlparse

from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.s3 import models, responses
from moto.s3.exceptions import S3AccessDeniedError
from xmltodict import parse as parse_xml


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
        bucket.public_access_block = models.PublicAccessBlock(True, True, True, True)
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
        existed = bucket_name in models.s3_backends.bucket_accounts
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


# What the emulator knows of a request, by the lower-case name of the key.
CONTEXT = {"aws:securetransport": "true"}

OBJECT_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}

# The parameters that a plain list of objects has; any other one asks for
# something else of the bucket.
LISTING = set("list-type prefix delimiter marker max-keys continuation-token start-after encoding-type fetch-owner x-id".split())


def as_list(value):
    return value if isinstance(value, list) else [value]


def matches(patterns, text, flags=re.IGNORECASE):
    """The wildcards of policies, * and ?."""
    for pattern in as_list(patterns):
        expression = re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(expression, text, re.DOTALL | flags):
            return True
    return False


def concerns(statement, element, text, flags):
    if element in statement:
        return matches(statement[element], text, flags)
    return not matches(statement["Not" + element], text, flags)


def holds(operator, key, wanted):
    """One condition. A key that the request has not fails it, unless the operator
    is negated, is about all values or ends in IfExists (IAM User Guide, "IAM JSON
    policy elements: Condition operators")."""
    have, base = CONTEXT.get(key.lower()), operator.split(":")[-1]
    negated = "Not" in base
    if base == "Null":
        return matches(wanted, str(have is None))
    if have is None:
        return negated or base.endswith("IfExists") or operator.startswith("ForAllValues:")
    return matches(wanted, have) != negated


def applies(statement, action, resource):
    """Whether a statement is about everybody and about this request."""
    principal = statement.get("Principal")
    everybody = principal == "*" or isinstance(principal, dict) and "*" in as_list(principal.get("AWS", []))
    conditions = statement.get("Condition") or {}
    return (
        everybody
        and concerns(statement, "Action", action, re.IGNORECASE)
        and concerns(statement, "Resource", resource, 0)
        and all(holds(operator, key, wanted) for operator, keys in conditions.items() for key, wanted in keys.items())
    )


def get_permission(self, action, resource):
    """What the bucket's policy says to everybody."""
    if self.policy is None:
        return PermissionResult.NEUTRAL
    action = {"s3:HeadObject": "s3:GetObject"}.get(action, action)
    statements = as_list(json.loads(self.policy)["Statement"])
    effects = {one["Effect"] for one in statements if applies(one, action, resource)}
    if "Deny" in effects:
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if "Allow" in effects else PermissionResult.NEUTRAL


def open_to_all(bucket, action, key=""):
    block = bucket.public_access_block
    if block and block.restrict_public_buckets:
        return False
    resource = bucket.arn + (f"/{key}" if key else "")
    return bucket.get_permission(action, resource) == PermissionResult.PERMITTED


def for_signers(original, allowed):
    """Lets a request without a signature in where the bucket does."""

    def handler(self, request, full_url):
        query = parse_qs(urlparse(full_url).query, keep_blank_values=True)
        signed = "Authorization" in request.headers or any(name.endswith("Signature") for name in query)
        bucket = self.backend.buckets.get(self.bucket_name)
        if bucket and not signed and not allowed(self, bucket, request.method, query):
            raise S3AccessDeniedError()
        return original(self, request, full_url)

    return handler


def object_allowed(self, bucket, method, query):
    """S3 tells that an object is not there only to who may list (GetObject, S3
    API reference)."""
    key, action = self.parse_key_name(), OBJECT_ACTIONS.get(method)
    if action is None or not open_to_all(bucket, f"s3:{action}" + ("Version" if "versionId" in query else ""), key):
        return False
    return action != "GetObject" or key in bucket.keys or open_to_all(bucket, "s3:ListBucket")


def bucket_allowed(self, bucket, method, query):
    return method in ("GET", "HEAD") and set(query) <= LISTING and open_to_all(bucket, "s3:ListBucket")


def correct():
    backend, s3 = models.S3Backend, responses.S3Response
    backend.create_bucket = with_defaults(backend.create_bucket)
    backend.delete_bucket_encryption = sse_s3_again
    models.FakeBucket.get_permission = get_permission
    s3.put_object = one_at_a_time(s3.put_object)
    s3._bucket_response_put = tagged_at_creation(s3._bucket_response_put)
    s3.all_buckets = all_buckets
    s3._key_response = for_signers(s3._key_response, object_allowed)
    s3._bucket_response = for_signers(s3._bucket_response, bucket_allowed)
