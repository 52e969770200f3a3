package cloudtest

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func (w *iamWorld) user(e *fakeEntity) *types.User {
	return &types.User{
		UserName: aws.String(e.name), Path: aws.String(e.path), UserId: aws.String(e.id), Arn: aws.String(w.arn(e)),
		CreateDate: aws.Time(e.created), PermissionsBoundary: boundaryOf(e), Tags: iamTags(e.tags),
	}
}

// CreateUser makes a user; without a path it is at the root.
func (i *FakeIAM) CreateUser(_ context.Context, in *iam.CreateUserInput, _ ...func(*iam.Options)) (*iam.CreateUserOutput, error) {
	return iamWrite(i, "CreateUser", func(w *iamWorld) (*iam.CreateUserOutput, error) {
		e, err := i.newEntity(w, userSort, in.UserName, in.Path)
		if err != nil {
			return nil, err
		}
		if e.tags, err = withTags(userSort, nil, in.Tags); err != nil {
			return nil, err
		}
		if e.boundary, err = w.checkBoundary(in.PermissionsBoundary); err != nil {
			return nil, err
		}
		w.add(e)
		return &iam.CreateUserOutput{User: w.user(e)}, nil
	})
}

// GetUser gives one user, with tags and boundary.
func (i *FakeIAM) GetUser(_ context.Context, in *iam.GetUserInput, _ ...func(*iam.Options)) (*iam.GetUserOutput, error) {
	return iamRead(i, "GetUser", func(w *iamWorld) (*iam.GetUserOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		return &iam.GetUserOutput{User: w.user(e)}, nil
	})
}

// UpdateUser renames or moves a user.
func (i *FakeIAM) UpdateUser(_ context.Context, in *iam.UpdateUserInput, _ ...func(*iam.Options)) (*iam.UpdateUserOutput, error) {
	return iamWrite(i, "UpdateUser", func(w *iamWorld) (*iam.UpdateUserOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		return &iam.UpdateUserOutput{}, i.rename(w, e, in.NewUserName, in.NewPath)
	})
}

// DeleteUser wants everything of the user gone before (IAM API reference,
// DeleteUser).
func (i *FakeIAM) DeleteUser(_ context.Context, in *iam.DeleteUserInput, _ ...func(*iam.Options)) (*iam.DeleteUserOutput, error) {
	return iamWrite(i, "DeleteUser", func(w *iamWorld) (*iam.DeleteUserOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		switch {
		case len(e.groups) > 0:
			return nil, conflict("Cannot delete entity, must remove users from group first.")
		case len(e.keys) > 0:
			return nil, conflict("Cannot delete entity, must delete access keys first.")
		case e.login != nil:
			return nil, conflict("Cannot delete entity, must delete login profile first.")
		}
		if err := e.bare(); err != nil {
			return nil, err
		}
		i.remove(w, e)
		return &iam.DeleteUserOutput{}, nil
	})
}

// bare refuses to delete what still has policies.
func (e *fakeEntity) bare() error {
	switch {
	case len(e.attached) > 0:
		return conflict("Cannot delete entity, must detach all policies first.")
	case len(e.inline) > 0:
		return conflict("Cannot delete entity, must delete policies first.")
	}
	return nil
}

func (w *iamWorld) group(e *fakeEntity) *types.Group {
	return &types.Group{
		GroupName: aws.String(e.name), Path: aws.String(e.path), GroupId: aws.String(e.id), Arn: aws.String(w.arn(e)), CreateDate: aws.Time(e.created),
	}
}

// CreateGroup makes a group. Groups have no tags and no boundary.
func (i *FakeIAM) CreateGroup(_ context.Context, in *iam.CreateGroupInput, _ ...func(*iam.Options)) (*iam.CreateGroupOutput, error) {
	return iamWrite(i, "CreateGroup", func(w *iamWorld) (*iam.CreateGroupOutput, error) {
		e, err := i.newEntity(w, groupSort, in.GroupName, in.Path)
		if err != nil {
			return nil, err
		}
		w.add(e)
		return &iam.CreateGroupOutput{Group: w.group(e)}, nil
	})
}

// GetGroup gives one group and its users, by 100 a page.
func (i *FakeIAM) GetGroup(_ context.Context, in *iam.GetGroupInput, _ ...func(*iam.Options)) (*iam.GetGroupOutput, error) {
	return iamRead(i, "GetGroup", func(w *iamWorld) (*iam.GetGroupOutput, error) {
		e, err := w.find(groupSort, in.GroupName)
		if err != nil {
			return nil, err
		}
		var members []types.User
		for _, user := range w.sorted(userSort) {
			if user.groups[strings.ToLower(e.name)] {
				members = append(members, *w.user(user))
			}
		}
		part, next, err := iamPage(members, in.Marker, in.MaxItems)
		return &iam.GetGroupOutput{Group: w.group(e), Users: part, IsTruncated: next != nil, Marker: next}, err
	})
}

// UpdateGroup renames or moves a group; members and policies stay.
func (i *FakeIAM) UpdateGroup(_ context.Context, in *iam.UpdateGroupInput, _ ...func(*iam.Options)) (*iam.UpdateGroupOutput, error) {
	return iamWrite(i, "UpdateGroup", func(w *iamWorld) (*iam.UpdateGroupOutput, error) {
		e, err := w.find(groupSort, in.GroupName)
		if err != nil {
			return nil, err
		}
		return &iam.UpdateGroupOutput{}, i.rename(w, e, in.NewGroupName, in.NewPath)
	})
}

// DeleteGroup refuses a group with members or policies.
func (i *FakeIAM) DeleteGroup(_ context.Context, in *iam.DeleteGroupInput, _ ...func(*iam.Options)) (*iam.DeleteGroupOutput, error) {
	return iamWrite(i, "DeleteGroup", func(w *iamWorld) (*iam.DeleteGroupOutput, error) {
		e, err := w.find(groupSort, in.GroupName)
		if err != nil {
			return nil, err
		}
		for _, user := range w.entities[userSort] {
			if user.groups[strings.ToLower(e.name)] {
				return nil, conflict("Cannot delete entity, must remove users from group first.")
			}
		}
		if err := e.bare(); err != nil {
			return nil, err
		}
		i.remove(w, e)
		return &iam.DeleteGroupOutput{}, nil
	})
}

// groupsPerUser is the quota of groups that one user may be in.
const groupsPerUser = 10

func (w *iamWorld) member(group, user *string) (g, u *fakeEntity, err error) {
	if g, err = w.find(groupSort, group); err == nil {
		u, err = w.find(userSort, user)
	}
	return g, u, err
}

// AddUserToGroup says nothing when the user is in it already.
func (i *FakeIAM) AddUserToGroup(_ context.Context, in *iam.AddUserToGroupInput, _ ...func(*iam.Options)) (*iam.AddUserToGroupOutput, error) {
	return iamWrite(i, "AddUserToGroup", func(w *iamWorld) (*iam.AddUserToGroupOutput, error) {
		group, user, err := w.member(in.GroupName, in.UserName)
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(group.name)
		if !user.groups[key] && len(user.groups) >= groupsPerUser {
			return nil, limit("Cannot exceed quota for GroupsPerUser: %d", groupsPerUser)
		}
		user.groups[key] = true
		return &iam.AddUserToGroupOutput{}, nil
	})
}

// RemoveUserFromGroup refuses who is not in it, as the emulator does; what AWS
// says then is not documented, so that callers must take both answers.
func (i *FakeIAM) RemoveUserFromGroup(_ context.Context, in *iam.RemoveUserFromGroupInput, _ ...func(*iam.Options)) (*iam.RemoveUserFromGroupOutput, error) {
	return iamWrite(i, "RemoveUserFromGroup", func(w *iamWorld) (*iam.RemoveUserFromGroupOutput, error) {
		group, user, err := w.member(in.GroupName, in.UserName)
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(group.name)
		if !user.groups[key] {
			return nil, noSuch("User %s not in group %s", user.name, group.name)
		}
		delete(user.groups, key)
		return &iam.RemoveUserFromGroupOutput{}, nil
	})
}
