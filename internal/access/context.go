package access

import "strings"

// stranger stands for an account or a principal that no policy names.
const stranger = "\x01stranger"

// lookup gives the values of a condition key: yes with the values, no where the
// request has none, maybe where that is not known. Names of keys do not tell
// case apart.
func (s *situation) lookup(key string) ([]string, answer) {
	key = strings.ToLower(key)
	if values, known := s.identityKey(key); known != maybe {
		return values, known
	}
	if values, known := s.resourceKey(key); known != maybe {
		return values, known
	}
	if values, given := s.given[key]; given {
		return values, truth(len(values) > 0)
	}
	return nil, maybe
}

func one(value string) ([]string, answer) { return []string{value}, yes }

// identityKey knows the keys that follow from who asks (IAM User Guide, "AWS
// global condition context keys").
func (s *situation) identityKey(key string) ([]string, answer) {
	c := s.who
	own := c.kind == ownUser || c.kind == ownRole
	switch {
	case key == "aws:principalaccount" || key == "kms:calleraccount":
		if c.account != "" {
			return one(c.account)
		}
	case key == "aws:principalarn":
		if c.kind != outsideAccount && c.arn != "" {
			return one(c.arn)
		}
	case key == "aws:principalisawsservice":
		if c.kind != service {
			return one("false")
		}
	case key == "aws:principaltype" && c.kind == ownUser:
		return one("User")
	case key == "aws:principaltype" && c.kind == ownRole:
		return one("AssumedRole")
	case key == "aws:username" && c.kind == ownUser:
		return one(c.entity.Name)
	case key == "aws:username" && c.kind == ownRole:
		return nil, no
	case key == "aws:userid" && c.kind == ownUser && c.entity.ID != "":
		return one(c.entity.ID)
	case strings.HasPrefix(key, "aws:principaltag/") && own && !s.index.takesTags(c):
		return tagValue(c.entity.Tags, strings.TrimPrefix(key, "aws:principaltag/"))
	}
	return nil, maybe
}

// resourceKey knows the keys that follow from what is asked for (KMS Developer
// Guide, "AWS KMS condition keys").
func (s *situation) resourceKey(key string) ([]string, answer) {
	switch {
	case key == "aws:resourceaccount" && accountOf(s.resource) != "":
		return one(accountOf(s.resource))
	case s.key == nil || s.pliable:
	case key == "kms:resourcealiases":
		return s.key.Aliases, truth(len(s.key.Aliases) > 0)
	case strings.HasPrefix(key, "aws:resourcetag/") && !s.key.TagsUnread:
		return tagValue(s.key.Tags, strings.TrimPrefix(key, "aws:resourcetag/"))
	}
	return nil, maybe
}

// tagValue finds a tag; tag keys in conditions do not tell case apart, and two
// tags that differ by case only give no certain answer.
func tagValue(tags map[string]string, name string) ([]string, answer) {
	var found []string
	for key, value := range tags {
		if strings.EqualFold(key, name) {
			found = append(found, value)
		}
	}
	if len(found) > 1 {
		return nil, maybe
	}
	return found, truth(len(found) == 1)
}

// manyValued reports the keys that hold a list, which only ForAnyValue and
// ForAllValues compare in a documented way.
func manyValued(key string) bool {
	switch strings.ToLower(key) {
	case "kms:resourcealiases", "aws:tagkeys", "aws:principalorgpaths", "aws:calledvia", "aws:principalservicenameslist", "kms:grantoperations":
		return true
	}
	return false
}
