package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// Storage of an agent.
const (
	storageNone        = "none"
	storagePerNetwork  = "perNetwork"
	storagePerInstance = "perInstance"
	storageProofs      = "proofs"
)

// Purposes of a bucket.
const (
	purposeProofs      = "proofs"
	purposeCheckpoints = "checkpoints"
)

// writing is that a seat writes to a bucket, by its name here: to all of it, or
// to folders only.
type writing struct {
	bucket  string
	folders []string
}

// buckets derives the buckets of agents, applies what is stated about them,
// and adds the declared ones.
func (a *accessing) buckets() {
	derived := map[string]Bucket{}
	for _, s := range a.seats {
		each := func(name string, folders ...string) {
			if other, twice := derived[name]; twice && name != storageProofs {
				a.fault(in("agents", s.agent.Name), "rename one of the agents", "bucket %s is also made for agent %s", name, other.Agent)
			}
			derived[name] = Bucket{Name: name, Purpose: purposeCheckpoints, Listing: true, Agent: s.agent.Name, Instance: s.instance, Source: s.agent.Source}
			s.writes = append(s.writes, writing{name, folders})
		}
		switch s.agent.Storage {
		case storagePerNetwork:
			for _, network := range s.agent.Networks {
				each(s.base + "-" + network)
			}
		case storagePerInstance:
			each(s.base, s.agent.Networks...)
		case storageProofs:
			each(storageProofs)
			derived[storageProofs] = Bucket{Name: storageProofs, Purpose: purposeProofs, Source: s.agent.Source}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.doc.raw.Buckets)) {
		stated, path := a.doc.raw.Buckets[name], in("buckets", name)
		bucket, ofAgent := derived[name]
		switch {
		case ofAgent && stated.Purpose != "" && stated.Purpose != bucket.Purpose:
			a.fault(path.Append(cue.Str("purpose")), "", "is %s, the agents that write to it have %s", stated.Purpose, bucket.Purpose)
		case !ofAgent && stated.Purpose == "":
			a.fault(path, meant(name, slices.Collect(maps.Keys(derived))), "no agent has a bucket of this name, and it states no purpose")
			continue
		case !ofAgent:
			bucket = Bucket{Name: name, Purpose: stated.Purpose, Listing: stated.Purpose == purposeCheckpoints}
		}
		if stated.Listing != nil {
			bucket.Listing = *stated.Listing
		}
		bucket.Adopt, bucket.Protect, bucket.Region, bucket.Bucket, bucket.Source = stated.Adopt, stated.Protect, stated.Region, stated.Bucket, a.doc.at(path)
		derived[name] = bucket
		a.writers(name, stated.Writers)
	}
	at := map[string][]*seat{}
	for _, s := range a.seats {
		for _, w := range s.writes {
			at[w.bucket] = append(at[w.bucket], s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(derived)) {
		a.out.Buckets = append(a.out.Buckets, a.bucket(derived[name], at[name]))
	}
	a.checkBuckets(at)
}

// writers lets the named agents write to a bucket too.
func (a *accessing) writers(name string, agents []string) {
	for i, agent := range agents {
		known := false
		for _, s := range a.seats {
			if s.agent.Name != agent {
				continue
			}
			known = true
			if !slices.ContainsFunc(s.writes, func(w writing) bool { return w.bucket == name }) {
				s.writes = append(s.writes, writing{bucket: name})
			}
		}
		if !known {
			a.fault(in("buckets", name, "writers", i), meant(agent, a.agentNames()), "no agent %q in this environment", agent)
		}
	}
}

func (a *accessing) agentNames() []string {
	names := make([]string, len(a.env.Agents))
	for i, agent := range a.env.Agents {
		names[i] = agent.Name
	}
	return names
}

// bucket fills in what follows from the environment: S3's name and the region;
// and the outside writers, whom only the bucket's own policy can admit.
func (a *accessing) bucket(b Bucket, writers []*seat) Bucket {
	b.Region = cmp.Or(b.Region, a.env.AWS.Region)
	if b.Bucket == "" {
		b.Bucket = a.raw.Organization + "-" + a.env.Name + "-" + b.Name
	}
	for _, s := range writers {
		b.Writers = append(b.Writers, s.form.own.Principals...)
	}
	slices.Sort(b.Writers)
	b.Writers = slices.Compact(b.Writers)
	return b
}

// storing is what an agent may do in buckets by IAM. A validator only puts
// objects: it reads without credentials, as everybody does. A processor also
// asks whether a proof is there before it writes it, with its credentials, and
// S3 answers 403 instead of 404 to whoever may not list (Amazon S3 API
// Reference, "GetObject"). Nobody deletes: versions are kept, and a checkpoint
// that was public stays so.
func (a *accessing) storing(writes []writing) []Statement {
	put := Statement{Sid: "WriteCheckpoints", Actions: []string{"s3:PutObject"}}
	proofs := Statement{Sid: "WriteProofs", Actions: []string{"s3:GetObject", "s3:PutObject"}}
	find := Statement{Sid: "FindProofs", Actions: []string{"s3:ListBucket"}}
	for _, w := range writes {
		i, _ := slices.BinarySearchFunc(a.out.Buckets, w.bucket, func(b Bucket, name string) int { return strings.Compare(b.Name, name) })
		bucket := a.out.Buckets[i]
		arn := "arn:aws:s3:::" + bucket.Bucket
		to := &put
		if bucket.Purpose == purposeProofs {
			to = &proofs
			find.Resources = append(find.Resources, arn)
		}
		for _, folder := range w.folders {
			to.Resources = append(to.Resources, arn+"/"+folder+"/*")
		}
		if len(w.folders) == 0 {
			to.Resources = append(to.Resources, arn+"/*")
		}
	}
	var statements []Statement
	for _, s := range []Statement{put, proofs, find} {
		if slices.Sort(s.Resources); len(s.Resources) > 0 {
			s.Resources = slices.Compact(s.Resources)
			statements = append(statements, s)
		}
	}
	return statements
}

// checkBuckets refuses names that S3 would, one bucket for two purposes, and
// regions that agents cannot reach.
func (a *accessing) checkBuckets(writers map[string][]*seat) {
	names := map[string]string{}
	unnamed := false
	for _, b := range a.out.Buckets {
		at := in("buckets", b.Name)
		stated := a.doc.raw.Buckets[b.Name].Bucket != ""
		switch other, twice := names[b.Bucket]; {
		case !stated && a.raw.Organization == "":
			unnamed = true
		case len(b.Bucket) > 63:
			a.fault(at, "state a shorter one: buckets: \""+b.Name+"\": bucket: \"…\"", "its name in S3, %s, has %d characters, may have 63", b.Bucket, len(b.Bucket))
		case strings.Contains(b.Bucket, ".."):
			a.fault(at.Append(cue.Str("bucket")), "", "%q is no name in S3: two dots in a row", b.Bucket)
		case twice:
			a.fault(at, "", "%s is also the bucket of %s", b.Bucket, other)
		case a.env.Store.Kind == "s3" && b.Bucket == a.env.Store.Bucket:
			a.fault(at, "", "%s is the store, which holds the journal: anybody could read it", b.Bucket)
		}
		names[b.Bucket] = b.Name
		a.checkRegion(b, at, writers[b.Name])
	}
	if unnamed {
		a.fault(in("access", "organization"), "write organization: \"acme\", or state each name: buckets: <name>: bucket", "is missing, and names of buckets begin with it")
	}
}

// checkRegion refuses a bucket that its agent would look for elsewhere: the
// agents of Nomad and Optics have one region for keys and bucket, whatever they
// are told of the bucket's.
func (a *accessing) checkRegion(b Bucket, at cue.Path, writers []*seat) {
	for _, s := range writers {
		nomad := slices.Contains([]string{"processor", "watcher", "updater", "kathy"}, s.agent.Role) || s.agent.Role == "relayer" && a.doc.raw.AgentSet != "hyperlane" && a.doc.raw.AgentSet != ""
		if !nomad {
			continue
		}
		for _, key := range s.keys {
			if key.Holder == "kms" && key.Region != b.Region {
				a.fault(at.Append(cue.Str("region")), "region: \""+key.Region+"\"", "is %s, key %s of %s is in %s: that agent has one region for both", b.Region, key.Name, s.agent.Name, key.Region)
				break
			}
		}
	}
}
