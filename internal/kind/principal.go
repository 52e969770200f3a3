package kind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Principal is what users and roles of IAM have in common, as it must be and as
// it is. The spec of both kinds begins with it.
type Principal struct {
	// Mark is the environment whose mark it carries; of one that carries somebody
	// else's it is "environment id".
	Mark string `json:"mark,omitempty"`
	Name string `json:"name,omitempty"`
	// Path begins and ends with a slash. It is part of the ARN and never changed.
	Path string `json:"path,omitempty"`
	// Boundary is the ARN of the permissions boundary; absent: not managed.
	Boundary string `json:"boundary,omitempty"`
	// Policies are the ARNs of the attached managed policies, all there may be.
	Policies []resource.Value `json:"policies,omitzero"`
	// Inline are the documents inside; we write none and remove what is there.
	Inline map[string]access.Document `json:"inline,omitzero"`
	// Tags are people's tags; of a live principal only those that are declared.
	Tags map[string]string `json:"tags,omitzero"`
	// Protect keeps it from being removed when nobody declares it any more.
	Protect bool `json:"protect,omitempty"`
	// Adopt takes over one without a mark.
	Adopt bool `json:"adopt,omitempty"`
}

// Common gives the part that all principals have.
func (p Principal) Common() Principal { return p }

// IsPrincipal is a spec that begins with a Principal.
type IsPrincipal interface{ Common() Principal }

// DesiredPrincipal completes a declared principal: the mark, what is attached,
// people's tags, and nothing inline.
func DesiredPrincipal(env *config.Environment, p Principal, policies []string, agent, operator string) (Principal, error) {
	p.Mark, p.Inline, p.Tags = env.Name, map[string]access.Document{}, map[string]string{}
	for name, value := range map[string]string{"agent": agent, "operator": operator} {
		if value != "" {
			p.Tags[name] = value
		}
	}
	var err error
	p.Policies, err = PolicyValues(env, policies)
	return p, err
}

// PolicyValues are the ARNs of policies that are named as the configuration
// does: those that it declares by refs, so that they are made before anybody has
// them and outlive him.
func PolicyValues(env *config.Environment, names []string) ([]resource.Value, error) {
	values := make([]resource.Value, 0, len(names))
	for _, name := range names {
		declared := slices.ContainsFunc(env.Access.Policies, func(have config.Policy) bool { return have.Name == name })
		switch {
		case declared:
			values = append(values, resource.RefTo(config.PolicyID(name), "arn"))
		case strings.HasPrefix(name, "arn:"):
			values = append(values, resource.Literal(name))
		default:
			return nil, fmt.Errorf("policy %q is neither declared nor an ARN", name)
		}
	}
	return AsSet(values), nil
}

// AsSet sorts values and drops repetitions.
func AsSet(values []resource.Value) []resource.Value {
	slices.SortFunc(values, func(a, b resource.Value) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(values, func(a, b resource.Value) bool { return a.String() == b.String() })
}

// Literals are texts as values; none is an empty list, not no list.
func Literals(texts []string) []resource.Value {
	values := make([]resource.Value, len(texts))
	for i, text := range texts {
		values[i] = resource.Literal(text)
	}
	return values
}

// PrincipalSatisfies is the equality of a Principal's attributes: what is
// attached has no order.
func PrincipalSatisfies(path string, desired, observed resource.Attrs) bool {
	return path == "policies" && SameTexts(desired[path], observed[path])
}

// SameTexts reports whether two lists of texts or refs hold the same, in
// whatever order.
func SameTexts(a, b any) bool {
	left, okLeft := sortedTexts(a)
	right, okRight := sortedTexts(b)
	return okLeft && okRight && slices.Equal(left, right)
}

func sortedTexts(list any) ([]string, bool) {
	data, err := resource.Canonical(list)
	if err != nil {
		return nil, false
	}
	var values []resource.Value
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, false
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	slices.Sort(texts)
	return slices.Compact(texts), true
}

// The facts that the search for principals notes beside the attributes.
const (
	// factForged is the id that a principal of another name is marked for.
	factForged = "forged-mark"
	// factDuplicate lists the names of those that claim one id.
	factDuplicate = "duplicate"
	// factUnmarked is the path of an undeclared principal that lies under ours
	// without our mark.
	factUnmarked = "unmarked-in-path"
	// factDenies lists the attached policies that deny something, or that could not
	// be read: taking one off may give power.
	factDenies = "denying-policies"
	// factUnbounded is the boundary that an adopted principal does not carry yet:
	// the tool's own role attaches nothing to whoever does not.
	factUnbounded = "boundary-to-come"
	// factCaller is who this run is, noted at the principal that it runs as.
	factCaller = "caller"
)

// PrincipalSearch tells which live users or roles concern an environment.
type PrincipalSearch struct {
	// Kind is iam-user or iam-role.
	Kind        string
	Environment *config.Environment
	// Caller is who we are, by STS.
	Caller string
	// Declared are the desired principals by id.
	Declared map[resource.ID]Principal
	// Policies are the managed policies as they were read.
	Policies []access.Policy
	// Only narrows the search to some ids; nil means all.
	Only []resource.ID
}

// FoundPrincipal is one live principal that concerns the environment. Owned
// carries our mark for its own name; another one is not to be written.
type FoundPrincipal struct {
	ID       resource.ID
	Entity   access.Entity
	Owned    bool
	Declared bool
	// Spec is the principal as it is.
	Spec Principal
}

// Find sorts the live users or roles. A mark counts only for the object whose
// own name it says: names are unique in an account, so that a mark for another
// name was put there by somebody else, to aim our writes.
func (s PrincipalSearch) Find(live []access.Entity) (found []FoundPrincipal, facts []resource.Fact) {
	note := func(id resource.ID, name, value string) {
		facts = append(facts, resource.Fact{ID: id, Name: name, Value: value})
	}
	owners, claims := map[string]bool{}, map[string][]string{}
	names, harmless := s.names(), OnlyAllowing(s.Policies)
	for _, e := range live {
		id, declared := names[strings.ToLower(e.Name)]
		if !declared {
			id = resource.ID{Kind: s.Kind, Scope: config.Global, Name: e.Name}
		}
		mark := e.Tags[TagID]
		marked := e.Tags[TagEnvironment] == s.Environment.Name
		owned := Marked(e.Tags, s.Environment.Name, id) && id.Name == e.Name
		switch {
		case owned:
			owners[mark] = true
		case marked:
			note(id, factForged, mark)
			claims[mark] = append(claims[mark], e.Name)
		case !declared && InPath(s.Environment, e.Path):
			note(id, factUnmarked, e.Path)
		}
		if !owned && !declared {
			continue
		}
		if RunsAs(s.Caller, s.Kind, e.Name) {
			note(id, factCaller, s.Caller)
		}
		if boundary := s.Environment.Access.Boundary; declared && boundary != "" && e.Boundary != boundary && s.Declared[id].Boundary == "" {
			note(id, factUnbounded, boundary)
		}
		if denying := slices.DeleteFunc(slices.Clone(e.Attached), func(arn string) bool { return harmless[arn] }); len(denying) > 0 {
			note(id, factDenies, strings.Join(denying, " "))
		}
		found = append(found, FoundPrincipal{ID: id, Entity: e, Owned: owned, Declared: declared, Spec: s.live(id, e, owned)})
	}
	for mark, names := range claims {
		if id, err := resource.ParseID(mark); err == nil && owners[mark] {
			names = append(names, id.Name)
			slices.Sort(names)
			note(id, factDuplicate, strings.Join(names, " "))
		}
	}
	slices.SortFunc(facts, resource.Fact.Compare)
	slices.SortFunc(found, func(a, b FoundPrincipal) int { return a.ID.Compare(b.ID) })
	if s.Only == nil {
		return found, facts
	}
	asked := func(id resource.ID) bool { return slices.Contains(s.Only, id) }
	return slices.DeleteFunc(found, func(f FoundPrincipal) bool { return !asked(f.ID) }),
		slices.DeleteFunc(facts, func(f resource.Fact) bool { return !asked(f.ID) })
}

// names finds declared ids by name in lower case: IAM does not tell case apart
// in the names of users and roles (IAM User Guide, "IAM identifiers").
func (s PrincipalSearch) names() map[string]resource.ID {
	names := make(map[string]resource.ID, len(s.Declared))
	for id := range s.Declared {
		names[strings.ToLower(id.Name)] = id
	}
	return names
}

// OnlyAllowing tells, by ARN, which policies deny nothing. One that is not among
// them, or was not read, may.
func OnlyAllowing(policies []access.Policy) map[string]bool {
	allowing := make(map[string]bool, len(policies))
	for _, p := range policies {
		allowing[p.ARN] = !Denies(p.Document)
	}
	return allowing
}

// Denies reports whether a document denies something, or may: taking it away
// could give power.
func Denies(d access.Document) bool {
	return d.Fault != "" || slices.ContainsFunc(d.Statements, func(s access.Statement) bool { return s.Effect != access.Allow })
}

// InlinePrefix stands before the names of inline documents in Denials.
const InlinePrefix = "inline/"

// Denials lists what of a live user, group or role denies something, or may: the
// ARNs of policies, and inline/<name>. What was not read or not understood counts.
func Denials(all *access.Directory, e access.Entity) []string {
	var list []string
	for _, arn := range e.Attached {
		if policy := all.Policy(arn); policy == nil || Denies(policy.Document) {
			list = append(list, arn)
		}
	}
	for name, document := range e.Inline {
		if Denies(document) {
			list = append(list, InlinePrefix+name)
		}
	}
	slices.Sort(list)
	return list
}

// MayTake refuses to take something off a live user, group or role that denies by
// it, where a plan took it for something that only gives: to lift a denial asks
// for a person.
func MayTake(all *access.Directory, e access.Entity, taken func(denial string) bool) error {
	if denies := Denials(all, e); slices.ContainsFunc(denies, taken) {
		return fmt.Errorf("%s denies something by %s: to lift it was not planned", e.Name, strings.Join(denies, ", "))
	}
	return nil
}

// live is a principal as it is.
func (s PrincipalSearch) live(id resource.ID, e access.Entity, owned bool) Principal {
	want, declared := s.Declared[id]
	p := Principal{
		Mark: MarkOf(e.Tags, s.Environment.Name, owned), Name: e.Name, Path: e.Path, Boundary: e.Boundary,
		Policies: Literals(e.Attached), Inline: map[string]access.Document{},
		Tags: ShownTags(e.Tags, want.Tags, declared), Protect: e.Tags[TagProtect] == "true",
	}
	maps.Copy(p.Inline, e.Inline)
	return p
}

// RunsAs reports whether the caller's ARN, as STS gives it, is that of the user
// or role of this name. Of a role in use STS names the session and no path
// (IAM User Guide, "IAM ARNs").
func RunsAs(caller, kindName, name string) bool {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 || name == "" {
		return false
	}
	what, rest, ok := strings.Cut(parts[5], "/")
	switch {
	case !ok:
		return false
	case what == "assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		return kindName == "iam-role" && role == name
	default:
		return kindName == "iam-"+what && rest[strings.LastIndexByte(rest, '/')+1:] == name
	}
}
