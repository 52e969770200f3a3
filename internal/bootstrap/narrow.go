package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// narrowing lets the apply role take itself on once more, with less: see Narrow.
func (m *maker) narrowing() []access.Statement {
	return []access.Statement{{
		Sid: "NarrowItself", Effect: access.Allow, Actions: []string{"sts:AssumeRole"}, Resources: access.Literals(ApplyRoleARN(m.account, m.env.Name)),
	}}
}

// trustItself admits the role to itself and nobody else. A role that does not
// exist yet cannot be named as a principal of its own trust, so that the account
// is, and the condition names the role.
func trustItself(account, role string) access.Statement {
	return access.Statement{
		Sid: "Itself", Effect: access.Allow, Actions: []string{"sts:AssumeRole"},
		Principals: map[string]access.Values{"AWS": access.Literals("arn:aws:iam::" + account + ":root")},
		Conditions: conditions{"ArnEquals": {"aws:PrincipalArn": {role}}}.values(),
	}
}

// sessionCharacters is the most that a session's own policy may hold (IAM User
// Guide, "IAM and AWS STS quotas"). AWS also packs it, by a measure that it does
// not publish.
const sessionCharacters = 2048

// Work is one step of a plan, as far as rights go.
type Work struct {
	ID resource.ID
	Op string
	// ARN is the object's, where it exists already.
	ARN string
	// Params are the step's.
	Params resource.Attrs
}

// Narrowed is what a session is left with for one plan.
type Narrowed struct {
	// Policy is the session policy as text. It gives nothing: what a session may do
	// is what both it and the role's policies allow.
	Policy string
	// ByObject: writes are held to the plan's own objects. Otherwise their names
	// did not fit, and writes are held to the plan's actions.
	ByObject bool
	// Writes counts the writing actions.
	Writes int
}

// Narrow works out the policy of a session that applies exactly some steps:
// whatever the role may read, the journal, and for each step what its kind says
// that it calls, on what the step is about. Actions are those of each kind by its
// name.
func Narrow(env *config.Environment, actions map[string][]kind.Action, work []Work) (Narrowed, error) {
	m := &maker{env: env, account: env.AWS.Account}
	on := reach{}
	for _, w := range work {
		known, there := actions[w.ID.Kind]
		if !there {
			return Narrowed{}, fmt.Errorf("%s: %s: no kind of this name says what it calls", w.ID, w.Op)
		}
		for _, a := range known {
			if !a.Writes || len(a.Ops) > 0 && !slices.Contains(a.Ops, w.Op) {
				continue
			}
			on.add(a.Name, m.objectsOf(a.Name, w)...)
		}
	}
	if env.Store.Kind == "s3" {
		on.add("s3:PutObject", object{arn: m.journalObject("*")})
	}
	byObject, err := grouped(on).Text()
	if err != nil {
		return Narrowed{}, err
	}
	if len(byObject) <= sessionCharacters {
		return Narrowed{Policy: byObject, ByObject: true, Writes: len(on)}, nil
	}
	for name, objects := range on {
		if len(objects) > 0 {
			on[name] = map[object]bool{{arn: "*"}: true}
		}
	}
	byAction, err := grouped(on).Text()
	if err == nil && len(byAction) > sessionCharacters {
		err = fmt.Errorf("the session's policy has %d characters, may have %d", len(byAction), sessionCharacters)
	}
	return Narrowed{Policy: byAction, Writes: len(on)}, err
}

// object is what an action is about: an ARN, and of a key that has none yet the
// id that its mark will say.
type object struct{ arn, id string }

// reach is on which objects each action is needed.
type reach map[string]map[object]bool

func (r reach) add(action string, objects ...object) {
	if r[action] == nil {
		r[action] = map[object]bool{}
	}
	for _, o := range objects {
		r[action][o] = true
	}
}

// grouped makes one statement of all actions on the same objects, after one for
// all reads: wildcards give no more than the role has.
func grouped(on reach) access.Document {
	reads := strings.Fields("iam:Get* iam:List* kms:Describe* kms:Get* kms:List* s3:Get* s3:List* secretsmanager:Describe* secretsmanager:List* tag:Get*")
	statements := []access.Statement{{Effect: access.Allow, Actions: reads, Resources: access.Literals("*")}}
	index := map[string]int{}
	add := func(action string, arns []string, c conditions) {
		key := fmt.Sprint(arns, c)
		i, there := index[key]
		if !there {
			i, index[key] = len(statements), len(statements)
			statements = append(statements, access.Statement{Effect: access.Allow, Resources: access.Literals(arns...), Conditions: c.values()})
		}
		statements[i].Actions = append(statements[i].Actions, action)
	}
	for _, action := range slices.Sorted(maps.Keys(on)) {
		known, fresh := map[string]bool{}, map[string][]string{}
		for o := range on[action] {
			if o.id == "" {
				known[o.arn] = true
			} else {
				fresh[o.arn] = append(fresh[o.arn], o.id)
			}
		}
		if len(known) > 0 {
			add(action, slices.Sorted(maps.Keys(known)), nil)
		}
		for _, arn := range slices.Sorted(maps.Keys(fresh)) {
			slices.Sort(fresh[arn])
			// A mark may take minutes until policies see it: without one the key is new.
			add(action, []string{arn}, conditions{"StringEqualsIfExists": {"aws:ResourceTag/" + kind.TagID: fresh[arn]}})
		}
	}
	return document(statements...)
}

// objectsOf is what one action of a step is about. What does not exist yet is
// held by its name, and a key by its mark.
func (m *maker) objectsOf(action string, w Work) []object {
	service, verb, _ := strings.Cut(action, ":")
	plain := func(arns []string) []object {
		var list []object
		for _, arn := range arns {
			list = append(list, object{arn: arn})
		}
		return list
	}
	switch {
	case verb == "CreateKey":
		return plain([]string{"*"})
	case verb == "Sign":
		return plain(m.bankKeys())
	case verb == "GetSecretValue":
		_, secrets := m.banks()
		return plain(secrets)
	case service == "kms":
		return m.keyOf(verb, w)
	case service == "secretsmanager":
		return plain(m.secretsOf(w))
	case service == "s3":
		return plain(m.bucketOf(w))
	}
	return plain(m.entitiesOf(verb, w))
}

func (m *maker) keyOf(verb string, w Work) []object {
	region := "arn:aws:kms:" + w.ID.Scope + ":" + m.account + ":"
	list := []object{{arn: region + "key/*", id: w.ID.String()}}
	if w.ARN != "" {
		list = []object{{arn: w.ARN}}
	}
	if alias, is := w.Params["alias"].(string); is && verb == "CreateAlias" {
		list = append(list, object{arn: region + alias})
	}
	return list
}

// bankKeys are the regions in which banks sign; which keys are banks, the role's
// own policy says.
func (m *maker) bankKeys() []string {
	banks, _ := m.banks()
	var arns []string
	for _, b := range banks {
		arns = append(arns, "arn:aws:kms:"+b.region+":"+m.account+":key/*")
	}
	return arns
}

func (m *maker) secretsOf(w Work) []string {
	if w.ARN != "" && strings.Contains(w.ARN, ":secretsmanager:") {
		return []string{w.ARN}
	}
	named := func(region, name string) []string {
		return []string{"arn:aws:secretsmanager:" + region + ":" + m.account + ":secret:" + strings.TrimPrefix(name, "alias/") + "-??????"}
	}
	for _, k := range m.env.Keys {
		if k.ResourceID() == w.ID {
			return named(k.Region, k.Alias)
		}
	}
	for _, u := range m.users() {
		if u.AccessKey != nil && u.Name == w.ID.Name {
			return named(u.AccessKey.Region, u.AccessKey.Secret)
		}
	}
	all, _ := m.secrets()
	return all
}

func (m *maker) bucketOf(w Work) []string {
	if w.ARN != "" {
		return []string{w.ARN}
	}
	if m.env.Access != nil {
		for _, b := range m.env.Access.Buckets {
			if b.ResourceID() == w.ID {
				return []string{"arn:aws:s3:::" + b.Bucket}
			}
		}
	}
	return m.buckets()
}

// entitiesOf are IAM objects: the step's own by its ARN or by name below any of
// the paths in which the role may write, and the group that a user leaves.
func (m *maker) entitiesOf(verb string, w Work) []string {
	if group, is := w.Params["group"].(string); is && strings.Contains(verb, "Group") {
		return []string{"arn:aws:iam::" + m.account + ":group/*" + group}
	}
	if strings.Contains(w.ARN, ":iam:") && w.ID.Kind != "iam-group" {
		return []string{w.ARN}
	}
	users, groups, roles, policies := m.entities()
	sorts := map[string][]string{"iam-user": users, "access-key": users, "iam-group": groups, "iam-role": roles, "iam-policy": policies}
	var arns []string
	for _, pattern := range sorts[w.ID.Kind] {
		if at, found := strings.CutSuffix(pattern, "/*"); found {
			arns = append(arns, at+"/"+w.ID.Name)
		} else if strings.HasSuffix(pattern, "/"+w.ID.Name) {
			arns = append(arns, pattern)
		}
	}
	return arns
}
