package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// speaker turns statements of one change into words. A word of ours is never a
// text from outside: what is not plainly a name stands in quotes.
type speaker struct {
	names naming
	// known maps ARNs to the resources that have them.
	known map[string]resource.ID
	// account is the plan's own.
	account string
	// exact shows every element, and ARNs whole.
	exact bool
	// ownKey says that the document is a key's policy, whose resource "*" is that
	// key and no other.
	ownKey bool
	// provider is the OIDC provider of the statement being said: "its sub".
	provider string
	// written maps an action in lower case to how its author wrote it.
	written map[string]string
}

func (v *viewer) speaker(c plan.Change) speaker {
	return speaker{names: v.names, known: v.known, account: v.p.Identity.Account, exact: v.o.Verbose, ownKey: c.ID.Kind == "kms-key"}
}

// arnOutput is the output under which resources give their ARN.
const arnOutput = "arn"

// knownARNs maps every ARN that the plan can tell a resource for. One that two
// resources claim is nobody's.
func knownARNs(p *plan.Plan) map[string]resource.ID {
	known := map[string]resource.ID{}
	add := func(arn string, id resource.ID) {
		if !strings.HasPrefix(arn, "arn:") {
			return
		}
		if other, taken := known[arn]; taken && other != id {
			id = resource.ID{}
		}
		known[arn] = id
	}
	for _, text := range slices.Sorted(maps.Keys(p.Resolved)) {
		if ref, err := resource.ParseRef(text); err == nil && ref.Output == arnOutput {
			add(p.Resolved[text], ref.ID)
		}
	}
	for _, c := range p.Changes {
		if c.Before != nil {
			add(c.Before.Outputs[arnOutput], c.ID)
		}
	}
	maps.DeleteFunc(known, func(_ string, id resource.ID) bool { return id.IsZero() })
	return known
}

// mostWords is up to how many elements of a list are said.
const mostWords = 6

// folded joins the elements of a list; those beyond what fits are counted.
func (s speaker) folded(words []string) string {
	if !s.exact && len(words) > mostWords+1 {
		words = append(slices.Clone(words[:mostWords]), "and "+number(len(words)-mostWords)+" more")
	}
	return strings.Join(words, ", ")
}

// words says the elements of a list that is no condition, the widest first.
func (s speaker) words(f *facet) []string {
	var words []string
	switch f.name {
	case facetAction, facetNotAction:
		for _, i := range f.items {
			words = append(words, s.action(i.value.Literal))
		}
	case facetPrincipal, facetNotPrincipal:
		for _, i := range f.items {
			words = append(words, s.principal(i))
		}
	case facetResource, facetNotResource:
		words = s.resources(f.items)
	}
	if len(words) == 0 {
		return []string{"NOTHING"}
	}
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(rankWide(a), rankWide(b)) })
	return words
}

func rankWide(word string) int {
	if strings.ContainsAny(word, "*?") || word == everyone || word == everyAction || word == anything {
		return 0
	}
	return 1
}

// The words for what admits all.
const (
	everyone    = "EVERYONE"
	everyAction = "EVERY ACTION"
	anything    = "ANYTHING"
)

func (s speaker) action(lower string) string {
	if lower == "*" {
		return everyAction
	}
	return literal(cmp.Or(s.written[lower], lower))
}

// literal is a text from outside inside a sentence: bare where it can be
// nothing but a name, in quotes otherwise.
func literal(text string) string {
	bare := text != ""
	for i := range len(text) {
		c := text[i]
		bare = bare && (isAlphanumeric(c) || strings.IndexByte(":/_.*?+=@-$#~", c) >= 0)
	}
	if bare && strings.ContainsAny(text, ":/_.*?=@-0123456789") {
		return text
	}
	return quoted(text)
}

// principal says who, shortened: names are unique in an account.
func (s speaker) principal(i item) string {
	if ref := i.value.Ref; ref != nil {
		return s.ref(*ref)
	}
	text := i.value.Literal
	switch i.kind {
	case "AWS":
		return s.awsPrincipal(i, text)
	case "Service":
		return "service " + literalName(text)
	case "Federated":
		if text == "*" {
			return everyone + " of any identity provider"
		}
		if account, path := splitPrincipal(text); path != text {
			return "identity provider " + literalName(strings.TrimPrefix(path, "oidc-provider/")) + s.abroad(account)
		}
		return "identity provider " + literal(text)
	default:
		return literalName(i.kind) + " " + quoted(text)
	}
}

func (s speaker) awsPrincipal(i item, text string) string {
	account, path := splitPrincipal(text)
	kind, name, named := strings.Cut(path, "/")
	switch {
	case text == "*":
		return everyone
	case rootOf(i) != "":
		return "account " + rootOf(i) + " (its IAM decides)"
	case path != text && named && (kind == "user" || kind == "role"):
		text = kind + " " + literalName(name[strings.LastIndexByte(name, '/')+1:]) + s.abroad(account)
	case path != text && named && kind == "assumed-role":
		text = "session " + literalName(name) + s.abroad(account)
	case deletedID(text):
		return text + " (a user or role that was deleted)"
	default:
		return "AWS " + quoted(text)
	}
	if s.exact {
		text += " (" + literal(i.value.Literal) + ")"
	}
	return text
}

// abroad names an account that is not the plan's own.
func (s speaker) abroad(account string) string {
	if account == s.account && account != "" {
		return ""
	}
	return " of account " + literalName(account)
}

// quoted puts a text in quotes that it cannot leave. A second space in a row is
// spelled out: lines are wrapped at spaces.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "  ", ` \u0020`).Replace(text) + `"`
}

// accountDigits is the length of an AWS account id.
const accountDigits = 12

// rootOf is the account that a principal stands for, or nothing (IAM User
// Guide, "AWS account principals").
func rootOf(i item) string {
	account, path := splitPrincipal(i.value.Literal)
	switch {
	case i.kind != "AWS":
		return ""
	case path == "root" && isAccount(account):
		return account
	case isAccount(i.value.Literal):
		return i.value.Literal
	}
	return ""
}

func isAccount(text string) bool {
	return len(text) == accountDigits && strings.Trim(text, "0123456789") == ""
}

// deletedID recognises the unique id that AWS shows in place of a principal
// that is gone (IAM User Guide, "IAM identifiers").
func deletedID(text string) bool {
	prefixed := strings.HasPrefix(text, "AIDA") || strings.HasPrefix(text, "AROA")
	return prefixed && len(text) >= 16 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// ref says an output that is not known yet.
func (s speaker) ref(ref resource.Ref) string {
	if s.exact || ref.Output != arnOutput {
		return refText(ref)
	}
	return strings.TrimPrefix(ref.ID.Kind, "iam-") + " " + s.names.short(ref.ID)
}

// resources says what a statement is about; those that the plan knows are said
// by kind and name, folded as names are folded everywhere.
func (s speaker) resources(items []item) []string {
	var words, kinds []string
	byKind, buckets := map[string][]resource.ID{}, map[string][]resource.ID{}
	for _, i := range items {
		id, known := s.known[i.value.Literal]
		if ref := i.value.Ref; ref != nil && ref.Output == arnOutput {
			id, known = ref.ID, true
		}
		switch {
		case known && !s.exact:
			if byKind[id.Kind] == nil {
				kinds = append(kinds, id.Kind)
			}
			byKind[id.Kind] = append(byKind[id.Kind], id)
		case i.value.Ref != nil:
			words = append(words, s.ref(*i.value.Ref))
		case known:
			words = append(words, id.String()+" ("+literal(i.value.Literal)+")")
		default:
			if form, name, ok := plainBucket(i.value.Literal); ok && !s.exact {
				buckets[form] = append(buckets[form], resource.ID{Scope: globalScope, Name: name})
				continue
			}
			words = append(words, s.resource(i.value.Literal))
		}
	}
	for _, form := range slices.Sorted(maps.Keys(buckets)) {
		for _, shape := range s.names.shapes(buckets[form]) {
			words = append(words, form+" "+s.names.inside(shape))
		}
	}
	for _, kind := range kinds {
		for _, shape := range s.names.shapes(byKind[kind]) {
			words = append(words, kind+" "+s.names.inside(shape))
		}
	}
	return words
}

// s3ARN is how the ARNs of buckets and their objects begin.
const s3ARN = "arn:aws:s3:::"

// plainBucket recognises a bucket, or all of its objects, of a name that S3
// takes (Amazon S3 User Guide, "General purpose bucket naming rules").
func plainBucket(text string) (form, name string, ok bool) {
	path, isBucket := strings.CutPrefix(text, s3ARN)
	name, objects := strings.CutSuffix(path, "/*")
	form = "bucket"
	if objects {
		form = "objects in bucket"
	}
	return form, name, isBucket && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// resource says one ARN that belongs to nothing that the plan knows.
func (s speaker) resource(text string) string {
	path, isBucket := strings.CutPrefix(text, s3ARN)
	name, prefix, _ := strings.Cut(path, "/")
	switch {
	case text == "*" && s.ownKey:
		return "this key"
	case text == "*":
		return anything
	case s.exact, !isBucket, prefix == "", strings.ContainsAny(name, "*?"):
		return literal(text)
	default:
		return "objects in bucket " + literalName(name) + " like " + literal(prefix)
	}
}
