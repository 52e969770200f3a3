"""What launcher.py corrects in moto's IAM, after the IAM API reference.

1. Users have permissions boundaries (CreateUser, Put/DeleteUserPermissionsBoundary).
2. A boundary must be a policy that exists, of users and roles.
3. GetAccountAuthorizationDetails comes in pages, users before groups before
   roles before policies.
4. Managed policies have their name and the number of their boundary uses in it.
5. DeletePolicy refuses a policy that is attached, is a boundary or has other
   versions.
6. DeleteGroup refuses a group with members or policies, DeleteUser a user with
   groups, access keys or a login profile.
7. Names are not distinguished by case, nor by path.
8. UpdateGroup moves a group that keeps its name; UpdateUser takes a user's tags
   along.
9. CreateRole reads the trust policy as UpdateAssumeRolePolicy does.
10. What is attached twice counts once; ten policies at most are attached.
11. AWS's own AdministratorAccess is there, and among the details once somebody
    has it.
"""

import json
from itertools import chain

from moto.core.responses import ActionResult, EmptyResult
from moto.iam import models, responses
from moto.iam.exceptions import (
    DeleteConflictException,
    EntityAlreadyExists,
    LimitExceededException,
    NoSuchEntity,
    ValidationError,
)
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

Backend = models.IAMBackend


def boundary(self):
    """As a role shows its own."""
    arn = getattr(self, "permissions_boundary_arn", None)
    return arn and {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def check_boundary(backend, arn):
    if arn and arn not in backend.managed_policies:
        raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")


def create_user(original):
    def handler(self):
        arn = self._get_param("PermissionsBoundary")
        check_boundary(self.backend, arn)
        result = original(self)
        self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = arn
        return result

    return handler


def with_boundary(original):
    """The boundary of a role, made or changed."""

    def handler(self):
        check_boundary(self.backend, self._get_param("PermissionsBoundary"))
        return original(self)

    return handler


def put_user_permissions_boundary(self):
    user = self.backend.get_user(self._get_param("UserName"))
    check_boundary(self.backend, self._get_param("PermissionsBoundary"))
    user.permissions_boundary_arn = self._get_param("PermissionsBoundary")
    return EmptyResult()


def delete_user_permissions_boundary(self):
    self.backend.get_user(self._get_param("UserName")).permissions_boundary_arn = None
    return EmptyResult()


def is_aws(policy):
    return isinstance(policy, models.AWSManagedPolicy)


def aws_policies(self):
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    made = "2015-02-06T18:39:46+00:00"
    data = {"Path": "/", "DefaultVersionId": "v1", "Document": document, "CreateDate": made, "UpdateDate": made}
    return [models.AWSManagedPolicy.from_data("AdministratorAccess", self.account_id, self.region_name, data)]


def own_policies(backend):
    return {arn: policy for arn, policy in backend.managed_policies.items() if not is_aws(policy)}


LISTS = {"UserDetailList": "users", "GroupDetailList": "groups", "RoleDetailList": "roles", "Policies": "managed_policies"}


def get_account_authorization_details(self):
    asked = self._get_param("MaxItems")
    asked = 100 if asked is None else int(asked)
    if not 1 <= asked <= 1000:
        raise ValidationError(f"Value '{asked}' at 'maxItems' failed to satisfy constraint: 1 to 1000")
    start = int(self._get_param("Marker") or 0)
    found = self.backend.get_account_authorization_details(self._get_param("Filter", []))
    found["managed_policies"] = [p for p in found["managed_policies"] if p.attachment_count or not is_aws(p)]
    everything = [(field, one) for field, key in LISTS.items() for one in found[key]]
    result = {field: [] for field in LISTS}
    for field, one in everything[start : start + asked]:
        result[field].append(one)
    result["IsTruncated"] = start + asked < len(everything)
    if result["IsTruncated"]:
        result["Marker"] = str(start + asked)
    return ActionResult(result)


def backend_of(policy):
    return models.iam_backends[policy.account_id][policy.partition]


def boundary_uses(policy):
    backend = backend_of(policy)
    entities = chain(backend.users.values(), backend.roles.values())
    return sum(getattr(one, "permissions_boundary_arn", None) == policy.arn for one in entities)


def delete_policy(original):
    def act(self, policy_arn):
        policy = self.get_policy(policy_arn)
        if policy.attachment_count or boundary_uses(policy):
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException("This policy has more than one version.")
        original(self, policy_arn)

    return act


def delete_group(original):
    def act(self, group_name):
        group = self.groups.get(group_name)
        if group and group.users:
            raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
        if group and (group.managed_policies or group.policies):
            raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
        original(self, group_name)

    return act


def delete_user(original):
    def act(self, user_name):
        user = self.get_user(user_name)
        if self.get_groups_for_user(user_name):
            raise DeleteConflictException("Cannot delete entity, must remove users from group first.")
        if user.access_keys:
            raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
        if user.password:
            raise DeleteConflictException("Cannot delete entity, must delete login profile first.")
        original(self, user_name)

    return act


def unique(original, parameter, have):
    """Refuses a name that is taken in any case and under any path."""

    def handler(self):
        name = self._get_param(parameter)
        if any(one.name.lower() == name.lower() for one in have(self.backend).values()):
            raise EntityAlreadyExists(f"{parameter} {name} already exists.")
        return original(self)

    return handler


def update_group(original):
    def act(self, group_name, new_group_name, new_path):
        if new_path:
            self.get_group(group_name).path = new_path
        if new_group_name and new_group_name != group_name:
            original(self, group_name, new_group_name, new_path)

    return act


def update_user(original):
    def act(self, user_name, new_path=None, new_user_name=None):
        user = self.get_user(user_name)
        tags, old = user.tags or [], user.arn
        original(self, user_name, new_path, new_user_name)
        self.tagger.delete_all_tags_for_resource(old)
        self.tagger.tag_resource(user.arn, tags)

    return act


def with_trust(original):
    def handler(self):
        IAMTrustPolicyDocumentValidator(self._get_param("AssumeRolePolicyDocument")).validate()
        return original(self)

    return handler


def attach_to(original):
    def act(self, entity):
        if self.arn in entity.managed_policies:
            return
        if len(entity.managed_policies) >= 10:
            raise LimitExceededException("Cannot exceed quota for attached policies: 10")
        original(self, entity)

    return act


def correct():
    iam = responses.IamResponse
    models.User.permissions_boundary = models.Role.permissions_boundary = property(boundary)
    iam.create_user = unique(create_user(iam.create_user), "UserName", lambda backend: backend.users)
    iam.create_group = unique(iam.create_group, "GroupName", lambda backend: backend.groups)
    iam.create_role = unique(with_boundary(with_trust(iam.create_role)), "RoleName", lambda backend: backend.roles)
    iam.create_policy = unique(iam.create_policy, "PolicyName", own_policies)
    iam.put_user_permissions_boundary = put_user_permissions_boundary
    iam.delete_user_permissions_boundary = delete_user_permissions_boundary
    iam.put_role_permissions_boundary = with_boundary(iam.put_role_permissions_boundary)
    iam.get_account_authorization_details = get_account_authorization_details
    models.Policy.policy_name = property(lambda self: self.name)
    models.Policy.permissions_boundary_usage_count = property(boundary_uses)
    models.ManagedPolicy.attach_to = attach_to(models.ManagedPolicy.attach_to)
    Backend._init_aws_policies = aws_policies
    Backend.delete_policy = delete_policy(Backend.delete_policy)
    Backend.delete_group = delete_group(Backend.delete_group)
    Backend.delete_user = delete_user(Backend.delete_user)
    Backend.update_group = update_group(Backend.update_group)
    Backend.update_user = update_user(Backend.update_user)
