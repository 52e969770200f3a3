package approvals

import (
	"context"
	"regexp"
	"strings"
)

// Others names the other sets of changes of an environment that somebody approved
// (sha256:<hex>, the ChangesDigest of their plans), whenever that was; changes is
// left out. Nothing of them is read.
func (r Repository) Others(ctx context.Context, environment, changes string) ([]string, error) {
	ref, err := Ref(environment, changes)
	if err != nil {
		return nil, err
	}
	o, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var out string
	if o.remote == "" {
		out, err = o.line(ctx, "for-each-ref", "--format=%(objectname) %(refname)", prefix+environment)
	} else {
		out, err = o.line(ctx, "ls-remote", "--quiet", "--", o.remote, prefix+environment+"/*")
	}
	var others []string
	ours := regexp.MustCompile(`^` + prefix + environment + `/([0-9a-f]{64})$`)
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 2 || f[1] == ref {
			continue
		}
		if m := ours.FindStringSubmatch(f[1]); m != nil {
			others = append(others, "sha256:"+m[1])
		}
	}
	return others, err
}
